select nspname from pg_namespace where nspname = 'adbpg_sync'
