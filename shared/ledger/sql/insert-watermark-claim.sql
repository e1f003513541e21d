insert into adbpg_sync.watermark_claim (job, sequence, attempt, source, run_id, generation, increment, at)
values ($1, $2, $3, $4, $5, $6, $7, $8)
