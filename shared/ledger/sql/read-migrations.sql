select version from adbpg_sync.migration order by version
