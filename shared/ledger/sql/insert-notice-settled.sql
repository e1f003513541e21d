insert into adbpg_sync.notice_settled (run_id, generation, notice, outcome, at) values ($1, $2, $3, $4, $5)
