-- An export that started over counts its newest epoch. What has ended counts by its own row; an attempt that is under way, or was given up, by the most it has seen.
select (c.records + s.records + o.records)::text as records
from (select coalesce(sum(records_dirty), 0) as records from adbpg_sync.chunk_done where run_id = $1) c
cross join (
  select coalesce(sum(records), 0) as records
  from adbpg_sync.slice_dirty
  where run_id = $1 and epoch = (select max(epoch) from adbpg_sync.run_plan where run_id = $1)
) s
cross join (
  select coalesce(sum(most), 0) as records
  from (
    select max(seen.records) as most
    from adbpg_sync.dirty_seen seen
    where seen.run_id = $1
      and seen.generation = $2
      and seen.piece <> $3
      and (
        seen.piece like 'c%'
        or seen.piece like 'e' || (select max(epoch) from adbpg_sync.run_plan where run_id = $1) || '-s%'
      )
      and not exists (
        select 1 from adbpg_sync.chunk_done done
        where done.run_id = $1 and 'c' || done.ordinal || '-p' || done.part = seen.piece
      )
      and not exists (
        select 1 from adbpg_sync.slice_done done
        where done.run_id = $1 and 'e' || done.epoch || '-s' || done.slice = seen.piece
      )
    group by seen.piece
  ) open_pieces
) o
