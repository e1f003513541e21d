insert into adbpg_sync.gathering (job, sequence, run_id, at) values ($1, $2, $3, $4)
