select coalesce(sum(case when handed_over then 0 else 1 end), 0)::integer as chunks_done,
       coalesce(sum(records_read), 0)::text as records_read,
       coalesce(sum(records_loaded), 0)::text as records_loaded,
       coalesce(sum(records_dirty), 0)::text as records_dirty,
       coalesce(sum(records_filtered), 0)::text as records_filtered,
       coalesce(sum(bytes), 0)::text as bytes
from adbpg_sync.chunk_done
where run_id = $1
