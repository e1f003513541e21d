select g.sequence, g.run_id, g.objects, g.at,
       not exists (
         select 1 from adbpg_sync.run_finished f
         where f.run_id = g.run_id
           and not exists (select 1 from adbpg_sync.run_retry t where t.run_id = f.run_id and t.generation > f.generation)
       ) as open
from adbpg_sync.gathering g
where g.job = $1
order by g.sequence desc
limit 1
