select attempt, at,
       (
         select count(*) from adbpg_sync.slot_wait w
         where w.run_id = $1 and w.generation = $2 and w.step = $3 and w.piece = $4
       )::integer as waits
from adbpg_sync.dispatch
where run_id = $1 and generation = $2 and step = $3 and piece = $4
order by attempt desc
limit 1
