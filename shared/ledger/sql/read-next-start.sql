select next_offset, next_record
from adbpg_sync.chunk_done
where run_id = $1 and ordinal = $2 and next_offset is not null and not handed_over
