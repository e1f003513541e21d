select w.run_id, w.generation, w.step, w.piece, w.attempt
from adbpg_sync.slot_wait w
where w.server = $1
  and w.at > $2
  and not exists (
    select 1 from adbpg_sync.dispatch d
    where d.run_id = w.run_id and d.generation = w.generation and d.step = w.step and d.piece = w.piece
      and d.attempt > w.attempt
  )
  and not exists (
    select 1 from adbpg_sync.run_retry t where t.run_id = w.run_id and t.generation > w.generation
  )
  and not exists (
    select 1 from adbpg_sync.run_stop s where s.run_id = w.run_id and s.generation = w.generation and w.step <> 'finish'
  )
  and not exists (
    select 1 from adbpg_sync.failure f where f.run_id = w.run_id and f.generation = w.generation and w.step <> 'finish'
  )
  and not exists (
    select 1 from adbpg_sync.run_finished e where e.run_id = w.run_id and e.generation = w.generation
  )
order by w.since, w.run_id, w.step, w.piece
limit $3
