-- A run whose rows become visible together collects them in a table of its own, which is known with its plan. A run that
-- ended without publishing keeps the table for `retry`, until it is dropped.

create table adbpg_sync.run_staging (
  run_id text not null,
  at timestamp with time zone not null,
  primary key (run_id)
) {{distribution}};

create table adbpg_sync.run_staging_dropped (
  run_id text not null,
  at timestamp with time zone not null,
  primary key (run_id)
) {{distribution}};

-- Commits with the rows where they go, and is told to the ledger: what was collected, and what of it took effect.

create table adbpg_sync.run_published (
  run_id text not null,
  records_staged bigint not null,
  records_loaded bigint not null,
  at timestamp with time zone not null,
  primary key (run_id)
) {{distribution}};
