insert into adbpg_sync.slice_part (run_id, epoch, slice, part, ordinal, records, source_bytes)
values ($1, $2, $3, $4, $5, $6, $7)
