create table if not exists adbpg_sync.migration (
  version integer primary key,
  applied_at timestamp with time zone not null
)
