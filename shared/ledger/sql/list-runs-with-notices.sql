select distinct d.run_id
from adbpg_sync.notice_due d
where d.at >= $1
  and not exists (
    select 1 from adbpg_sync.notice_settled s
    where s.run_id = d.run_id and s.generation = d.generation and s.notice = d.notice
  )
  and not exists (
    select 1 from adbpg_sync.run_retry t where t.run_id = d.run_id and t.generation > d.generation
  )
limit $2
