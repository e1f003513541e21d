select r.run_id, r.job, r.requested_at, f.generation, f.state, f.finished_at, false as waiting
from adbpg_sync.run_finished f
join adbpg_sync.run r on r.run_id = f.run_id
where f.state = $4
  and ($3::timestamp with time zone is null or f.finished_at >= $3)
  and r.requested_at < $1
  and ($3::timestamp with time zone is null or r.requested_at >= $3)
  and not exists (
    select 1 from adbpg_sync.run_retry t where t.run_id = f.run_id and t.generation > f.generation
  )
order by f.finished_at desc
limit $2
