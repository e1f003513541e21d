select count(*)::integer as chunks,
       coalesce(sum(c.bytes), 0)::text as bytes,
       coalesce(sum(c.records), 0)::text as records,
       coalesce(sum(case when c.records is null then 1 else 0 end), 0)::integer as uncounted
from adbpg_sync.chunk c
where c.run_id = $1 and c.part = 0
