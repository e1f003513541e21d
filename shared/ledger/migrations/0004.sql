-- A run that a schedule or a backfill made, with the time it is for. Its row commits with that of the run.

create table adbpg_sync.run_cycle (
  run_id text not null,
  job text not null,
  scheduled_at timestamp with time zone not null,
  business_date text not null,
  priority integer not null,
  rerun_times integer not null,
  rerun_seconds integer not null,
  policy text not null,
  primary key (run_id)
) {{distribution}};

create index run_cycle_scheduled_at on adbpg_sync.run_cycle (job, scheduled_at);

-- What a run waits for before it is planned. Known from the beginning; the row in run_released ends the waiting.

create table adbpg_sync.run_wait (
  run_id text not null,
  ordinal integer not null,
  condition text not null,
  primary key (run_id, ordinal)
) {{distribution}};

create table adbpg_sync.run_released (
  run_id text not null,
  released_at timestamp with time zone not null,
  primary key (run_id)
) {{distribution}};

create index run_finished_at on adbpg_sync.run_finished (finished_at);
