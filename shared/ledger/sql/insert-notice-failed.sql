insert into adbpg_sync.notice_failed (run_id, generation, notice, attempt, error, at) values ($1, $2, $3, $4, $5, $6)
