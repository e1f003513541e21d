-- Questions about many runs: by job, and by how they ended.

create index run_job_requested_at on adbpg_sync.run (job, requested_at);
create index run_finished_state on adbpg_sync.run_finished (state, finished_at);

-- A notice that has to be sent: known with the end of the run, in its transaction. Each attempt that failed is a row, and so
-- is the end of trying.

create table adbpg_sync.notice_due (
  run_id text not null,
  generation integer not null,
  notice integer not null,
  at timestamp with time zone not null,
  primary key (run_id, generation, notice)
) {{distribution}};

create index notice_due_at on adbpg_sync.notice_due (at);

create table adbpg_sync.notice_failed (
  run_id text not null,
  generation integer not null,
  notice integer not null,
  attempt integer not null,
  error text not null,
  at timestamp with time zone not null,
  primary key (run_id, generation, notice, attempt)
) {{distribution}};

create table adbpg_sync.notice_settled (
  run_id text not null,
  generation integer not null,
  notice integer not null,
  outcome text not null,
  at timestamp with time zone not null,
  primary key (run_id, generation, notice)
) {{distribution}};
