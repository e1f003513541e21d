insert into adbpg_sync.run_staging (run_id, at) values ($1, $2)
