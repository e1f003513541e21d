select a.arrival_id, a.job, a.bucket, a.object_key, a.etag, a.size::text as size, a.shape, a.arrived_at
from adbpg_sync.arrival_claim c
join adbpg_sync.arrival a on a.arrival_id = c.arrival_id
where c.run_id = $1
order by a.arrived_at, a.object_key
