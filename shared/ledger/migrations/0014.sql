-- Of a chunk of a file that was cut at guesses: where the next one begins, or the part that was handed over, and the number of its
-- first record. Commits with the rows.

alter table adbpg_sync.chunk_done add column next_offset bigint;
alter table adbpg_sync.chunk_done add column next_record bigint;
