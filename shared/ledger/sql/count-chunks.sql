-- Of slices, those of the newest epoch: an export whose snapshot was lost has started over.
select c.chunks, c.bytes::text as bytes, (c.records + s.records + f.records)::text as records, c.uncounted
from (
  select count(*)::integer as chunks,
         coalesce(sum(bytes), 0) as bytes,
         coalesce(sum(records), 0) as records,
         coalesce(sum(case when records is null then 1 else 0 end), 0)::integer as uncounted
  from adbpg_sync.chunk
  where run_id = $1 and part = 0
) c
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
