insert into adbpg_sync.migration (version, applied_at) values ($1, $2)
