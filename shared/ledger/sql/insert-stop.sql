insert into adbpg_sync.run_stop (run_id, generation, at) values ($1, $2, $3)
