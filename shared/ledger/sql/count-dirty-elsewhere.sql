-- An export that started over counts its newest epoch. What has ended counts by its own row; an attempt that is under way, or was
-- given up, by the most it has seen. Only chunks that have dirty records are read: by their index, however many others there are.
select (c.records + s.records + o.records)::text as records
from (
  select coalesce(sum(records_dirty), 0) as records from adbpg_sync.chunk_done where run_id = $1 and records_dirty > 0
) c
cross join (
  select coalesce(sum(records), 0) as records
  from adbpg_sync.slice_dirty
  where run_id = $1 and epoch = (select max(epoch) from adbpg_sync.run_plan where run_id = $1)
) s
cross join (
  select coalesce(sum(met.most), 0) as records
  from (
    select seen.piece, max(seen.records) as most
    from adbpg_sync.dirty_seen seen
    where seen.run_id = $1
      and seen.generation = $2
      and seen.piece <> $3
      and (
        seen.piece like 'c%'
        or seen.piece like 'e' || (select max(epoch) from adbpg_sync.run_plan where run_id = $1) || '-s%'
      )
    group by seen.piece
  ) met
  where case
    when met.piece like 'c%' then (
      select count(*) from adbpg_sync.chunk_done done
      where done.run_id = $1
        and done.ordinal = split_part(substr(met.piece, 2), '-p', 1)::integer
        and done.part = split_part(met.piece, '-p', 2)::integer
    )
    else (
      select count(*) from adbpg_sync.slice_done done
      where done.run_id = $1
        and done.epoch = split_part(substr(met.piece, 2), '-s', 1)::integer
        and done.slice = split_part(met.piece, '-s', 2)::integer
    )
  end = 0
) o
