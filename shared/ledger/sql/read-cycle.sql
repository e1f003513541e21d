select c.job, c.scheduled_at, c.business_date, c.policy,
       coalesce(
         (select max(t.at) from adbpg_sync.run_retry t where t.run_id = c.run_id),
         (select d.released_at from adbpg_sync.run_released d where d.run_id = c.run_id),
         r.requested_at
       ) as begun_at
from adbpg_sync.run_cycle c
join adbpg_sync.run r on r.run_id = c.run_id
where c.run_id = $1
