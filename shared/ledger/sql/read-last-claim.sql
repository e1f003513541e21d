select job, sequence, attempt, source, run_id, generation, increment
from adbpg_sync.watermark_claim where job = $1 order by sequence desc, attempt desc limit 1
