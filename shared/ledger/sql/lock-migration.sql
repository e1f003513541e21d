select pg_advisory_xact_lock(hashtext('adbpg_sync migration'))
