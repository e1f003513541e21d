export const readVersion = "select version() as version, current_setting('server_version_num')::int as number"
export const createProbeTable = 'create temp table adbpg_sync_probe (id int primary key, name text) on commit drop'
export const readDeadlockDetector = "select setting from pg_settings where name = 'gp_enable_global_deadlock_detector'"
