select count(*)::text as records from adbpg_sync.dirty_replayed where run_id = $1
