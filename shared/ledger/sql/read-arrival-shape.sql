select gathered from adbpg_sync.arrival_shape where job = $1 and shape = $2
