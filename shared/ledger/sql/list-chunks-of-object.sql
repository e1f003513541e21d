select c.ordinal, c.part, c.source, d.records_read, d.records_dirty, d.records_filtered,
       coalesce(
         (
           select string_agg(p.slice_part || ':' || p.records, ',')
           from adbpg_sync.chunk_part_dirty p
           where p.run_id = c.run_id and p.ordinal = c.ordinal and p.part = c.part
         ),
         ''
       ) as dirty_parts
from adbpg_sync.chunk c
join adbpg_sync.chunk_done d on d.run_id = c.run_id and d.ordinal = c.ordinal and d.part = c.part
where c.run_id = $1 and position($2 in c.source) > 0
order by c.ordinal, c.part
