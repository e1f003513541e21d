-- The run of its own comes after the one that has set it aside.
select a.job, a.etag, a.size::text as size, a.arrived_at, c.run_id, o.run_id as own_run_id, s.error
from adbpg_sync.arrival a
left join adbpg_sync.arrival_claim c on c.arrival_id = a.arrival_id
left join adbpg_sync.arrival_set_aside s on s.run_id = c.run_id and s.arrival_id = a.arrival_id
left join adbpg_sync.run o on o.run_id = a.arrival_id and o.run_id <> c.run_id
where a.object_key = $1
order by a.arrived_at desc
limit $2
