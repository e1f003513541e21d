insert into adbpg_sync.slice_done (run_id, epoch, slice, records, bytes, object_key, upload_id, done_at)
values ($1, $2, $3, $4, $5, $6, $7, $8)
