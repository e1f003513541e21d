insert into adbpg_sync.arrival_claim (arrival_id, run_id)
select a.arrival_id, $1
from unnest($2::text[]) as a (arrival_id)
