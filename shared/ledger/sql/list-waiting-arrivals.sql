select a.arrival_id, a.job, a.bucket, a.object_key, a.etag, a.size::text as size, a.shape, a.arrived_at
from adbpg_sync.arrival a
where a.job = $1
  and a.arrived_at >= $2
  and not exists (select 1 from adbpg_sync.arrival_claim c where c.arrival_id = a.arrival_id)
order by a.arrived_at, a.object_key
limit $3
