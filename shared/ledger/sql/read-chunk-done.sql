select records_read, records_loaded, records_dirty, records_filtered, bytes, dirty_object, handed_over, done_at,
       next_offset, next_record
from adbpg_sync.chunk_done
where run_id = $1 and ordinal = $2 and part = $3
