select slice, object_key, upload_id, records, bytes
from adbpg_sync.slice_done
where run_id = $1 and epoch = $2 and object_key is not null
order by slice
