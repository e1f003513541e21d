-- An object that a trigger told of, for one job. Its id is that of the run which the object would have alone, so an object that
-- such a run has loaded is known by it.

create table adbpg_sync.arrival (
  arrival_id text not null,
  job text not null,
  bucket text not null,
  object_key text not null,
  etag text not null,
  size bigint not null,
  shape text,
  arrived_at timestamp with time zone not null,
  primary key (arrival_id)
) {{distribution by arrival_id}};

create index arrival_job on adbpg_sync.arrival (job, arrived_at);
create index arrival_at on adbpg_sync.arrival (arrived_at);
create index arrival_object on adbpg_sync.arrival (object_key);

-- What arrivals of a job that may share a run have in common: everything of the job as resolved, but the object.

create table adbpg_sync.arrival_shape (
  job text not null,
  shape text not null,
  gathered text not null,
  at timestamp with time zone not null,
  primary key (job, shape)
) {{distribution by job}};

-- The run that an arrival belongs to: one, whoever looks. It commits with the row of the run.

create table adbpg_sync.arrival_claim (
  arrival_id text not null,
  run_id text not null,
  primary key (arrival_id)
) {{distribution by arrival_id}};

create index arrival_claim_run on adbpg_sync.arrival_claim (run_id);

-- Runs that were begun with what had arrived, numbered for each job: of two who begin at once, one gets the number.

create table adbpg_sync.gathering (
  job text not null,
  sequence integer not null,
  run_id text not null,
  objects integer not null,
  at timestamp with time zone not null,
  primary key (job, sequence)
) {{distribution by job}};

-- An object that would have ended the run for all others in it: it gets a run of its own. Commits with the rows of the others.

create table adbpg_sync.arrival_set_aside (
  run_id text not null,
  arrival_id text not null,
  records bigint not null,
  error text not null,
  at timestamp with time zone not null,
  primary key (run_id, arrival_id)
) {{distribution by run_id}};

create index arrival_set_aside_at on adbpg_sync.arrival_set_aside (at);

-- Dirty records of one slice of a chunk that holds several. Commits with the chunk.

create table adbpg_sync.chunk_part_dirty (
  run_id text not null,
  ordinal integer not null,
  part integer not null,
  slice_part integer not null,
  records bigint not null,
  primary key (run_id, ordinal, part, slice_part)
) {{distribution by run_id}};
