insert into adbpg_sync.run_published (run_id, records_staged, records_loaded, at) values ($1, $2, $3, $4)
