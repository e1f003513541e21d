-- Not for one that a run of its own has had since before there were arrivals. And not before its shape: whoever finds the arrival
-- can begin its run.
insert into adbpg_sync.arrival (arrival_id, job, bucket, object_key, etag, size, shape, arrived_at)
select $1, $2, $3, $4, $5, $6::bigint, $7, $8::timestamp with time zone
where not exists (select 1 from adbpg_sync.run r where r.run_id = $1)
  and ($7::text is null or exists (select 1 from adbpg_sync.arrival_shape s where s.job = $2 and s.shape = $7))
