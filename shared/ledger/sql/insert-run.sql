insert into adbpg_sync.run (run_id, run_key, job, spec, trigger, requested_at)
values ($1, $2, $3, $4, $5, $6)
