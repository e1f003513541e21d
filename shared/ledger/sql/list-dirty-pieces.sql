select 'c' || ordinal || '-p' || part as piece, ordinal, part, dirty_object
from adbpg_sync.chunk_done
where run_id = $1 and records_dirty > 0 and dirty_object is not null
union all
select 'e' || epoch || '-s' || slice, null, null, dirty_object
from adbpg_sync.slice_dirty
where run_id = $1 and epoch = (select max(epoch) from adbpg_sync.run_plan where run_id = $1)
order by ordinal, part, piece
