select count(*)::integer as parts,
       coalesce(sum(records), 0)::text as records,
       coalesce(sum(source_bytes), 0)::text as source_bytes
from adbpg_sync.slice_part
where run_id = $1 and epoch = $2 and slice = $3
