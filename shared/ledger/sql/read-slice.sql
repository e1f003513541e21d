select s.descriptor, d.slice is not null as done
from adbpg_sync.slice s
left join adbpg_sync.slice_done d on d.run_id = s.run_id and d.epoch = s.epoch and d.slice = s.slice
where s.run_id = $1 and s.epoch = $2 and s.slice = $3
