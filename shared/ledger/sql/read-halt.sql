select (select count(*) from adbpg_sync.run_stop s where s.run_id = $1 and s.generation = $2)::integer as stops,
       (select count(*) from adbpg_sync.failure f where f.run_id = $1 and f.generation = $2)::integer as failures,
       (select count(*) from adbpg_sync.run_finished f where f.run_id = $1 and f.generation = $2)::integer as finished
