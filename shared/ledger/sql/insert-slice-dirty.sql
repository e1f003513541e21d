insert into adbpg_sync.slice_dirty (run_id, epoch, slice, records, dirty_object) values ($1, $2, $3, $4, $5)
