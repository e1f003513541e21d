select step, piece, error
from adbpg_sync.failure
where run_id = $1 and generation = $2
order by at, step, piece
limit 1
