-- Facts only: rows are inserted and never updated, because Greenplum's UPDATE locks the whole table where the
-- global deadlock detector is off. Every primary key starts with run_id, the distribution key.
-- {{distribution}} becomes "distributed by (run_id)" on Greenplum and nothing elsewhere.

create table adbpg_sync.run (
  run_id text not null,
  run_key text not null,
  job text not null,
  spec text not null,
  trigger text not null,
  requested_at timestamp with time zone not null,
  primary key (run_id)
) {{distribution}};

create index run_requested_at on adbpg_sync.run (requested_at);

create table adbpg_sync.run_retry (
  run_id text not null,
  generation integer not null,
  reason text not null,
  at timestamp with time zone not null,
  primary key (run_id, generation)
) {{distribution}};

create table adbpg_sync.run_plan (
  run_id text not null,
  epoch integer not null,
  slices integer not null,
  staged boolean not null,
  held boolean not null,
  decisions text not null,
  capabilities text not null,
  planned_at timestamp with time zone not null,
  primary key (run_id, epoch)
) {{distribution}};

create table adbpg_sync.slice (
  run_id text not null,
  epoch integer not null,
  slice integer not null,
  descriptor text not null,
  primary key (run_id, epoch, slice)
) {{distribution}};

create table adbpg_sync.slice_done (
  run_id text not null,
  epoch integer not null,
  slice integer not null,
  records bigint not null,
  bytes bigint not null,
  object_key text,
  upload_id text,
  done_at timestamp with time zone not null,
  primary key (run_id, epoch, slice)
) {{distribution}};

create table adbpg_sync.chunk (
  run_id text not null,
  ordinal integer not null,
  part integer not null,
  slice integer not null,
  source text not null,
  records bigint,
  bytes bigint not null,
  primary key (run_id, ordinal, part)
) {{distribution}};

create table adbpg_sync.dispatch (
  run_id text not null,
  generation integer not null,
  step text not null,
  piece text not null,
  attempt integer not null,
  at timestamp with time zone not null,
  primary key (run_id, generation, step, piece, attempt)
) {{distribution}};

create table adbpg_sync.failure (
  run_id text not null,
  generation integer not null,
  step text not null,
  piece text not null,
  error text not null,
  at timestamp with time zone not null,
  primary key (run_id, generation, step, piece)
) {{distribution}};

create table adbpg_sync.run_stop (
  run_id text not null,
  generation integer not null,
  at timestamp with time zone not null,
  primary key (run_id, generation)
) {{distribution}};

create table adbpg_sync.run_finished (
  run_id text not null,
  generation integer not null,
  state text not null,
  error text,
  finished_at timestamp with time zone not null,
  primary key (run_id, generation)
) {{distribution}};

-- The two tables below live where the rows go, which need not be where the ledger is: a claim commits with its rows.

create table adbpg_sync.chunk_claim (
  run_id text not null,
  ordinal integer not null,
  part integer not null,
  primary key (run_id, ordinal, part)
) {{distribution}};

create table adbpg_sync.chunk_done (
  run_id text not null,
  ordinal integer not null,
  part integer not null,
  records_read bigint not null,
  records_loaded bigint not null,
  records_dirty bigint not null,
  records_filtered bigint not null,
  bytes bigint not null,
  dirty_object text,
  handed_over boolean not null,
  done_at timestamp with time zone not null,
  primary key (run_id, ordinal, part)
) {{distribution}};
