select c.part, coalesce(d.handed_over, false) as handed_over, d.ordinal is not null as done
from adbpg_sync.chunk c
left join adbpg_sync.chunk_done d on d.run_id = c.run_id and d.ordinal = c.ordinal and d.part = c.part
where c.run_id = $1 and c.ordinal = $2
order by c.part desc
limit 1
