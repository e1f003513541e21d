select run_id from adbpg_sync.arrival_claim where arrival_id = $1
