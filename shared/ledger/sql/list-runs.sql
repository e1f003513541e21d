select r.run_id, r.job, r.requested_at, f.generation, f.state, f.finished_at,
       exists (select 1 from adbpg_sync.run_wait w where w.run_id = r.run_id)
       and not exists (select 1 from adbpg_sync.run_released d where d.run_id = r.run_id) as waiting
from adbpg_sync.run r
left join adbpg_sync.run_finished f
  on f.run_id = r.run_id
  and f.generation = coalesce((select max(t.generation) from adbpg_sync.run_retry t where t.run_id = r.run_id), 0)
where r.requested_at < $1
  and ($2::text is null or r.job = $2)
  and ($4::timestamp with time zone is null or r.requested_at >= $4)
  and ($5::text is null or coalesce(f.state, 'running') = $5)
order by r.requested_at desc
limit $3
