select records_staged, records_loaded from adbpg_sync.run_published where run_id = $1
