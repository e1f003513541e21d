insert into adbpg_sync.run_plan (run_id, epoch, slices, staged, held, decisions, capabilities, planned_at)
values ($1, $2, $3, $4, $5, $6, $7, $8)
