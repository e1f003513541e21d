select c.ordinal, c.part
from adbpg_sync.chunk c
where c.run_id = $1
  and not exists (
    select 1 from adbpg_sync.chunk_done d where d.run_id = c.run_id and d.ordinal = c.ordinal and d.part = c.part
  )
order by c.ordinal, c.part
limit $2
