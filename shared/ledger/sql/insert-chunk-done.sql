insert into adbpg_sync.chunk_done
  (run_id, ordinal, part, records_read, records_loaded, records_dirty, records_filtered, bytes, dirty_object, handed_over, done_at,
   next_offset, next_record)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
