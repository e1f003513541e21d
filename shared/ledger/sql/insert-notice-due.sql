insert into adbpg_sync.notice_due (run_id, generation, notice, at) values ($1, $2, $3, $4)
