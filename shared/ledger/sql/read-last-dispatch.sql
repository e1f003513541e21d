select attempt, at
from adbpg_sync.dispatch
where run_id = $1 and generation = $2 and step = $3 and piece = $4
order by attempt desc
limit 1
