select sequence, source, value, run_id, at from adbpg_sync.watermark where job = $1 order by sequence desc limit 1
