insert into adbpg_sync.slice (run_id, epoch, slice, descriptor)
select $1, $2::integer, s.slice, s.descriptor
from unnest($3::integer[], $4::text[]) as s (slice, descriptor)
