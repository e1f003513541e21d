select record::text as record from adbpg_sync.dirty_replayed where run_id = $1 and piece = $2
