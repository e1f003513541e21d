select distinct run_id from adbpg_sync.watermark_claim where job = $1 and sequence = $2 and run_id is not null
