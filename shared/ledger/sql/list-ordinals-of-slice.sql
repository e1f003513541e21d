select ordinal
from adbpg_sync.chunk
where run_id = $1 and slice = $2 and part = 0
order by ordinal
