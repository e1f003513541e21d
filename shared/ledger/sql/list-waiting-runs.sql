select c.run_id
from adbpg_sync.run_cycle c
where exists (select 1 from adbpg_sync.run_wait w where w.run_id = c.run_id)
  and not exists (select 1 from adbpg_sync.run_released d where d.run_id = c.run_id)
  and not exists (
    select 1 from adbpg_sync.run_finished f
    where f.run_id = c.run_id
      and f.generation = coalesce((select max(t.generation) from adbpg_sync.run_retry t where t.run_id = c.run_id), 0)
  )
order by c.priority desc, c.scheduled_at
limit $1
