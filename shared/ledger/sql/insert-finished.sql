insert into adbpg_sync.run_finished (run_id, generation, state, error, finished_at) values ($1, $2, $3, $4, $5)
