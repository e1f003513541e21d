insert into adbpg_sync.watermark (job, sequence, source, value, run_id, at) values ($1, $2, $3, $4, $5, $6)
