select r.run_id, r.run_key, r.job, r.spec, r.trigger, r.requested_at,
       coalesce((select max(t.generation) from adbpg_sync.run_retry t where t.run_id = r.run_id), 0) as generation
from adbpg_sync.run r
where r.run_id = $1
