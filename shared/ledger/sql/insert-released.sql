insert into adbpg_sync.run_released (run_id, released_at) values ($1, $2)
