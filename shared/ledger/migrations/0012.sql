-- A piece that meets a dirty record asks how many the others have met, again and again while the run goes on.

create index chunk_done_dirty on adbpg_sync.chunk_done (run_id) where records_dirty > 0;

-- What one invocation took of the platform, told at its end. One that was killed tells nothing. `vcpu` and `memory_mb` are the size
-- that the function had.

create table adbpg_sync.function_use (
  run_id text not null,
  request_id text not null,
  ended_at timestamp with time zone not null,
  step text not null,
  milliseconds bigint not null,
  vcpu numeric not null,
  memory_mb integer not null,
  oss_reads bigint not null,
  oss_writes bigint not null,
  primary key (run_id, request_id, ended_at)
) {{distribution}};
