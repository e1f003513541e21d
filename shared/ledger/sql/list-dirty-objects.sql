select ordinal, part, records_dirty, dirty_object
from adbpg_sync.chunk_done
where run_id = $1 and dirty_object is not null
order by ordinal, part
