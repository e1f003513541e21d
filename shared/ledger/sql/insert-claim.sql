insert into adbpg_sync.chunk_claim (run_id, ordinal, part) values ($1, $2, $3)
