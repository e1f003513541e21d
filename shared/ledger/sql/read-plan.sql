select epoch, slices, staged, held, decisions, capabilities
from adbpg_sync.run_plan
where run_id = $1
order by epoch desc
limit 1
