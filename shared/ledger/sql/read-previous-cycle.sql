select max(scheduled_at) as scheduled_at from adbpg_sync.run_cycle where job = $1 and scheduled_at < $2
