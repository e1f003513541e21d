insert into adbpg_sync.dirty_seen (run_id, generation, piece, records, at) values ($1, $2, $3, $4, $5)
