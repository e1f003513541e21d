-- Of one run, or of all since a time: those whose own run has not begun.
select a.arrival_id, a.job, a.bucket, a.object_key, a.etag, a.size::text as size, a.shape, a.arrived_at
from adbpg_sync.arrival_set_aside s
join adbpg_sync.arrival a on a.arrival_id = s.arrival_id
where ($1::text is null or s.run_id = $1)
  and s.at >= $2
  and not exists (select 1 from adbpg_sync.run r where r.run_id = s.arrival_id)
order by a.arrived_at, a.object_key
