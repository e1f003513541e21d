select count(*)::integer as runs, count(case when f.state = 'succeeded' then 1 end)::integer as succeeded
from adbpg_sync.run_cycle c
left join adbpg_sync.run_finished f
  on f.run_id = c.run_id
  and f.generation = coalesce((select max(t.generation) from adbpg_sync.run_retry t where t.run_id = c.run_id), 0)
where c.job = $1 and c.scheduled_at = $2
