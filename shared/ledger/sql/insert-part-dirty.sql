insert into adbpg_sync.chunk_part_dirty (run_id, ordinal, part, slice_part, records)
select $1, $2::integer, $3::integer, d.slice_part, d.records
from unnest($4::integer[], $5::bigint[]) as d (slice_part, records)
