insert into adbpg_sync.run_cycle (run_id, job, scheduled_at, business_date, priority, rerun_times, rerun_seconds, policy)
values ($1, $2, $3, $4, $5, $6, $7, $8)
