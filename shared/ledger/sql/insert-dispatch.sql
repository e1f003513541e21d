insert into adbpg_sync.dispatch (run_id, generation, step, piece, attempt, at) values ($1, $2, $3, $4, $5, $6)
