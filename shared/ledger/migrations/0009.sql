-- Records that a transformation left out while a slice became an object. Sealed together with the slice.

create table adbpg_sync.slice_filtered (
  run_id text not null,
  epoch integer not null,
  slice integer not null,
  records bigint not null,
  primary key (run_id, epoch, slice)
) {{distribution}};
