-- A slice that gives the same bytes each time it is read is loaded while it is still being read: each of its chunks becomes
-- known by itself, with a row that says how far the reading has come. Another attempt goes on from there, and of two at
-- once the key lets one make the next chunk.

create table adbpg_sync.slice_part (
  run_id text not null,
  epoch integer not null,
  slice integer not null,
  part integer not null,
  ordinal integer not null,
  records bigint not null,
  source_bytes bigint not null,
  primary key (run_id, epoch, slice, part)
) {{distribution}};
