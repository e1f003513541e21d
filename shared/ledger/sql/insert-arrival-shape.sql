insert into adbpg_sync.arrival_shape (job, shape, gathered, at) values ($1, $2, $3, $4)
