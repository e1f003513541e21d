insert into adbpg_sync.chunk (run_id, ordinal, part, slice, source, records, bytes)
select $1, c.ordinal, c.part, c.slice, c.source, c.records, c.bytes
from unnest($2::integer[], $3::integer[], $4::integer[], $5::text[], $6::bigint[], $7::bigint[])
  as c (ordinal, part, slice, source, records, bytes)
