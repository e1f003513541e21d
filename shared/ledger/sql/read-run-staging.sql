select exists (select 1 from adbpg_sync.run_staging_dropped d where d.run_id = s.run_id) as dropped
from adbpg_sync.run_staging s
where s.run_id = $1
