-- Whoever came before and waits still looks after all of them. The newest first: in a burst thousands are claimed, and those
-- that wait are the last.
select exists (
  select 1 from (
    select a.arrival_id from adbpg_sync.arrival a
    where a.job = $1
      and a.arrived_at >= $2
      and a.arrived_at <= $3
      and a.arrival_id <> $4
      and not exists (select 1 from adbpg_sync.arrival_claim c where c.arrival_id = a.arrival_id)
    order by a.arrived_at desc
    limit 1
  ) w
) as waits
