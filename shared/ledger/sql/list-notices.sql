select d.notice, s.outcome, s.at,
       (select count(*)::integer from adbpg_sync.notice_failed f
        where f.run_id = d.run_id and f.generation = d.generation and f.notice = d.notice) as attempts_failed,
       (select f.error from adbpg_sync.notice_failed f
        where f.run_id = d.run_id and f.generation = d.generation and f.notice = d.notice
        order by f.attempt desc limit 1) as error
from adbpg_sync.notice_due d
left join adbpg_sync.notice_settled s
  on s.run_id = d.run_id and s.generation = d.generation and s.notice = d.notice
where d.run_id = $1 and d.generation = $2
order by d.notice
