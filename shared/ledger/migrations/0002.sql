-- Records that a slice held and no chunk can: too large, or not to be converted. Sealed together with the slice.

create table adbpg_sync.slice_dirty (
  run_id text not null,
  epoch integer not null,
  slice integer not null,
  records bigint not null,
  dirty_object text not null,
  primary key (run_id, epoch, slice)
) {{distribution}};
