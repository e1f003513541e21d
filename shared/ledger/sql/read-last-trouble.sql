select step, piece, error, at from adbpg_sync.trouble where run_id = $1 and generation = $2 order by at desc limit 1
