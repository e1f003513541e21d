select pg_try_advisory_lock(hashtext($1), hashtext($2)) as free
