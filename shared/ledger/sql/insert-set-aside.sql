insert into adbpg_sync.arrival_set_aside (run_id, arrival_id, records, error, at)
select $1, s.arrival_id, s.records, s.error, $5
from unnest($2::text[], $3::bigint[], $4::text[]) as s (arrival_id, records, error)
