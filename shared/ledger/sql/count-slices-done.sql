select count(*)::integer as slices_done, coalesce(sum(records), 0)::text as records, coalesce(sum(bytes), 0)::text as bytes
from adbpg_sync.slice_done
where run_id = $1 and epoch = $2
