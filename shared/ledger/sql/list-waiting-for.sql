select c.run_id
from adbpg_sync.run_cycle c
where c.run_id in (
    select w.run_id from adbpg_sync.run_wait w where w.condition = any($1::text[])
    union
    select n.run_id
    from adbpg_sync.run_cycle n
    join adbpg_sync.run_wait w on w.run_id = n.run_id
    where n.job = $2
      and w.condition = $4
      and n.scheduled_at = (
        select min(a.scheduled_at) from adbpg_sync.run_cycle a where a.job = $2 and a.scheduled_at > $3
      )
  )
  and not exists (select 1 from adbpg_sync.run_released d where d.run_id = c.run_id)
  and not exists (
    select 1 from adbpg_sync.run_finished f
    where f.run_id = c.run_id
      and f.generation = coalesce((select max(t.generation) from adbpg_sync.run_retry t where t.run_id = c.run_id), 0)
  )
order by c.priority desc, c.scheduled_at
limit $5
