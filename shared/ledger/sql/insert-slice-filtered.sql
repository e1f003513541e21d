insert into adbpg_sync.slice_filtered (run_id, epoch, slice, records) values ($1, $2, $3, $4)
