select distinct job from adbpg_sync.arrival where arrived_at >= $1
