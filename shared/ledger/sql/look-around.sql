-- The last run of a job's arrivals, and whether another arrival waits that came no later than this one: whoever came before and waits
-- still looks after all of them. The newest first: in a burst thousands are claimed, and those that wait are the last.
select g.sequence, g.run_id, g.objects, g.at,
       not exists (
         select 1 from adbpg_sync.run_finished f
         where f.run_id = g.run_id
           and not exists (select 1 from adbpg_sync.run_retry t where t.run_id = f.run_id and t.generation > f.generation)
       ) as open,
       exists (
         select 1 from (
           select a.arrival_id from adbpg_sync.arrival a
           where a.job = $1
             and a.arrived_at >= $2
             and a.arrived_at <= $3
             and a.arrival_id <> $4
             and not exists (select 1 from adbpg_sync.arrival_claim c where c.arrival_id = a.arrival_id)
           order by a.arrived_at desc
           limit 1
         ) w
       ) as is_led
from adbpg_sync.gathering g
where g.job = $1
order by g.sequence desc
limit 1
