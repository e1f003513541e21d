-- A piece of work whose datasource allows no further connection: not a failure, so it is told apart from sendings that were
-- lost. `since` is the time of the first look of all, by which those that wait get their turn.

create table adbpg_sync.slot_wait (
  run_id text not null,
  generation integer not null,
  step text not null,
  piece text not null,
  attempt integer not null,
  server text not null,
  since timestamp with time zone not null,
  at timestamp with time zone not null,
  primary key (run_id, generation, step, piece, attempt)
) {{distribution}};

create index slot_wait_server on adbpg_sync.slot_wait (server, at);
