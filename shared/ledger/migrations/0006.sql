-- Up to which value of a column the runs of a job have read. The last row counts: `finish` adds it in the transaction that
-- ends a run with success, and people may set it. A value of null is a beginning from the start.

create table adbpg_sync.watermark (
  job text not null,
  sequence integer not null,
  source text not null,
  value text,
  run_id text,
  at timestamp with time zone not null,
  primary key (job, sequence)
) {{distribution by job}};

-- The run that reads on from a mark. At most one at a time: the next attempt's number is free once the run before has ended.
-- A change by hand is a row without a run.

create table adbpg_sync.watermark_claim (
  job text not null,
  sequence integer not null,
  attempt integer not null,
  source text not null,
  run_id text,
  generation integer not null,
  increment text,
  at timestamp with time zone not null,
  primary key (job, sequence, attempt)
) {{distribution by job}};

create index watermark_claim_run_id on adbpg_sync.watermark_claim (run_id);

-- Why an attempt at a piece failed that will be repeated: written beside the transaction that failed.

create table adbpg_sync.trouble (
  run_id text not null,
  generation integer not null,
  step text not null,
  piece text not null,
  error text not null,
  at timestamp with time zone not null,
  primary key (run_id, generation, step, piece, at)
) {{distribution}};
