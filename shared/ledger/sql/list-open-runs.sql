select r.run_id
from adbpg_sync.run r
where not exists (
  select 1 from adbpg_sync.run_finished f
  where f.run_id = r.run_id
    and not exists (select 1 from adbpg_sync.run_retry t where t.run_id = f.run_id and t.generation > f.generation)
)
and (
  not exists (select 1 from adbpg_sync.run_wait w where w.run_id = r.run_id)
  or exists (select 1 from adbpg_sync.run_released d where d.run_id = r.run_id)
)
order by r.requested_at
limit $1
