insert into adbpg_sync.gathering (job, sequence, run_id, objects, at) values ($1, $2, $3, $4, $5)
