select state, error, finished_at from adbpg_sync.run_finished where run_id = $1 and generation = $2
