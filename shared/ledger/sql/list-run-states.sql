select r.run_id, f.state,
       exists (select 1 from adbpg_sync.run_wait w where w.run_id = r.run_id)
       and not exists (select 1 from adbpg_sync.run_released d where d.run_id = r.run_id) as waiting
from adbpg_sync.run r
left join adbpg_sync.run_finished f
  on f.run_id = r.run_id
  and f.generation = coalesce((select max(t.generation) from adbpg_sync.run_retry t where t.run_id = r.run_id), 0)
where r.run_id = any($1::text[])
