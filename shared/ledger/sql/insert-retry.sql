insert into adbpg_sync.run_retry (run_id, generation, reason, at) values ($1, $2, $3, $4)
