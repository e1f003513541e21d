insert into adbpg_sync.function_use
  (run_id, request_id, ended_at, step, milliseconds, vcpu, memory_mb, oss_reads, oss_writes)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
