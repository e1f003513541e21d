select c.run_id
from adbpg_sync.run_finished f
join adbpg_sync.run_cycle c on c.run_id = f.run_id
where f.finished_at > $1
  and f.finished_at + c.rerun_seconds * interval '1 second' <= $2
  and f.state = 'failed'
  and f.generation < c.rerun_times
  and f.generation = coalesce((select max(t.generation) from adbpg_sync.run_retry t where t.run_id = c.run_id), 0)
order by c.priority desc, c.scheduled_at
limit $3
