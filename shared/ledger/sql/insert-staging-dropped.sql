insert into adbpg_sync.run_staging_dropped (run_id, at) values ($1, $2)
