-- A look-up for each chunk: as a join, a planner whose statistics are older than the run may compare all with all. The range is
-- said of both, for a planner that makes a join of it all the same.
select c.ordinal, c.part
from adbpg_sync.chunk c
where c.run_id = $1 and c.ordinal >= $2 and c.ordinal < $3
  and (
    select count(*) from adbpg_sync.chunk_done d
    where d.run_id = c.run_id and d.ordinal = c.ordinal and d.part = c.part and d.ordinal >= $2 and d.ordinal < $3
  ) = 0
order by c.ordinal, c.part
limit $4
