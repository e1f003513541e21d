-- Of all that have not ended, those that wait ($5 true) or those that move. Looked at after the rest (offset 0), as there are few of them.
select r.run_id, r.job, r.requested_at, null::text as state, null::timestamp with time zone as finished_at,
       $5::boolean as waiting
from (
  select o.run_id, o.job, o.requested_at
  from adbpg_sync.run o
  where o.requested_at < $1
    and ($2::text is null or o.job = $2)
    and ($4::timestamp with time zone is null or o.requested_at >= $4)
    and not exists (
      select 1 from adbpg_sync.run_finished f
      where f.run_id = o.run_id
        and not exists (
          select 1 from adbpg_sync.run_retry t where t.run_id = f.run_id and t.generation > f.generation
        )
    )
  offset 0
) r
where $5::boolean = (
  exists (select 1 from adbpg_sync.run_wait w where w.run_id = r.run_id)
  and not exists (select 1 from adbpg_sync.run_released d where d.run_id = r.run_id)
)
order by r.requested_at desc
limit $3
