select s.slice
from adbpg_sync.slice s
where s.run_id = $1 and s.epoch = $2
  and not exists (
    select 1 from adbpg_sync.slice_done d where d.run_id = s.run_id and d.epoch = s.epoch and d.slice = s.slice
  )
order by s.slice
limit $3
