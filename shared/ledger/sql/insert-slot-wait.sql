insert into adbpg_sync.slot_wait (run_id, generation, step, piece, attempt, server, since, at)
select d.run_id, d.generation, d.step, d.piece, d.attempt, $5,
       coalesce(
         (
           select min(w.since) from adbpg_sync.slot_wait w
           where w.run_id = $1 and w.generation = $2 and w.step = $3 and w.piece = $4
         ),
         $6
       ),
       $6
from adbpg_sync.dispatch d
where d.run_id = $1 and d.generation = $2 and d.step = $3 and d.piece = $4
order by d.attempt desc
limit 1
