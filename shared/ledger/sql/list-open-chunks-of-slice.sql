select c.ordinal, c.part
from adbpg_sync.chunk c
where c.run_id = $1 and c.slice = $2
  and (
    select count(*) from adbpg_sync.chunk_done d
    where d.run_id = c.run_id and d.ordinal = c.ordinal and d.part = c.part
  ) = 0
order by c.ordinal, c.part
