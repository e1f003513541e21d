insert into adbpg_sync.run_wait (run_id, ordinal, condition)
select $1, w.ordinal, w.condition
from unnest($2::integer[], $3::text[]) as w (ordinal, condition)
