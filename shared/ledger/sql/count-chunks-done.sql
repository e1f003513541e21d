-- Of slices, those of the newest epoch: an export whose snapshot was lost has started over.
select d.chunks_done,
       (d.records_read + s.records + f.records)::text as records_read,
       d.records_loaded::text as records_loaded,
       (d.records_dirty + s.records)::text as records_dirty,
       (d.records_filtered + f.records)::text as records_filtered,
       d.bytes::text as bytes
from (
  select coalesce(sum(case when handed_over then 0 else 1 end), 0)::integer as chunks_done,
         coalesce(sum(records_read), 0) as records_read,
         coalesce(sum(records_loaded), 0) as records_loaded,
         coalesce(sum(records_dirty), 0) as records_dirty,
         coalesce(sum(records_filtered), 0) as records_filtered,
         coalesce(sum(bytes), 0) as bytes
  from adbpg_sync.chunk_done
  where run_id = $1
) d
cross join (
  select coalesce(sum(records), 0) as records
  from adbpg_sync.slice_dirty
  where run_id = $1 and epoch = (select max(epoch) from adbpg_sync.run_plan where run_id = $1)
) s
cross join (
  select coalesce(sum(records), 0) as records
  from adbpg_sync.slice_filtered
  where run_id = $1 and epoch = (select max(epoch) from adbpg_sync.run_plan where run_id = $1)
) f
