select s.run_id
from adbpg_sync.run_staging s
where not exists (select 1 from adbpg_sync.run_staging_dropped d where d.run_id = s.run_id)
  and not exists (select 1 from adbpg_sync.run_published p where p.run_id = s.run_id)
  and exists (
    select 1 from adbpg_sync.run_finished f
    where f.run_id = s.run_id
      and f.finished_at >= $1
      and f.finished_at < $2
      and not exists (select 1 from adbpg_sync.run_retry t where t.run_id = f.run_id and t.generation > f.generation)
  )
order by s.at
limit $3
