-- Dirty records that a piece of work has met so far: committed beside its transaction, so that others see them before it ends.

create table adbpg_sync.dirty_seen (
  run_id text not null,
  generation integer not null,
  piece text not null,
  records bigint not null,
  at timestamp with time zone not null,
  primary key (run_id, generation, piece, records)
) {{distribution}};

-- Dirty records that were loaded after all, corrected or not. Lives where the rows go, like a claim, and is told to the ledger.

create table adbpg_sync.dirty_replayed (
  run_id text not null,
  piece text not null,
  record bigint not null,
  at timestamp with time zone not null,
  primary key (run_id, piece, record)
) {{distribution}};
