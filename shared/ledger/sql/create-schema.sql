create schema if not exists adbpg_sync
