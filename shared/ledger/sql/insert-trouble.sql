insert into adbpg_sync.trouble (run_id, generation, step, piece, error, at) values ($1, $2, $3, $4, $5, $6)
