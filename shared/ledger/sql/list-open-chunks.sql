-- A look-up for each chunk: as a join, a planner whose statistics are older than the run may compare all with all.
select c.ordinal, c.part
from adbpg_sync.chunk c
where c.run_id = $1 and c.ordinal >= $2 and c.ordinal < $3
  and (
    select count(*) from adbpg_sync.chunk_done d
    where d.run_id = c.run_id and d.ordinal = c.ordinal and d.part = c.part
  ) = 0
order by c.ordinal, c.part
limit $4
