-- As in list-open-chunks.sql.
select s.slice
from adbpg_sync.slice s
where s.run_id = $1 and s.epoch = $2 and s.slice >= $3 and s.slice < $4
  and (
    select count(*) from adbpg_sync.slice_done d
    where d.run_id = s.run_id and d.epoch = s.epoch and d.slice = s.slice and d.slice >= $3 and d.slice < $4
  ) = 0
order by s.slice
limit $5
