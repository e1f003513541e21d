select count(*)::text as invocations,
       coalesce(sum(milliseconds * vcpu), 0)::text as vcpu_ms,
       coalesce(sum(milliseconds * memory_mb), 0)::text as memory_mb_ms,
       coalesce(sum(oss_reads), 0)::text as reads,
       coalesce(sum(oss_writes), 0)::text as writes
from adbpg_sync.function_use
where run_id = $1
