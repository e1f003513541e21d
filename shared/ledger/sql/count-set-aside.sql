select count(*)::integer as arrivals, coalesce(sum(records), 0)::text as records
from adbpg_sync.arrival_set_aside
where run_id = $1
