insert into adbpg_sync.dirty_replayed (run_id, piece, record, at)
select $1, $2, given.record, $4
from unnest($3::bigint[]) as given(record)
