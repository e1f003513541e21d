select w.condition
from adbpg_sync.run_wait w
where w.run_id = $1
  and not exists (select 1 from adbpg_sync.run_released r where r.run_id = w.run_id)
order by w.ordinal
