select coalesce(max(ordinal) + 1, 0) as ordinal from adbpg_sync.chunk where run_id = $1
