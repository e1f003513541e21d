select p.epoch, p.staged, p.held, p.decisions, p.capabilities,
       greatest(
         p.slices,
         coalesce((select max(s.slice) + 1 from adbpg_sync.slice s where s.run_id = p.run_id and s.epoch = p.epoch), 0)
       )::integer as slices
from adbpg_sync.run_plan p
where p.run_id = $1
order by p.epoch desc
limit 1
