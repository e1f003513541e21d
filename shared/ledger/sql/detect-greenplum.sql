select exists (select 1 from pg_catalog.pg_class where relname = 'gp_distribution_policy') as greenplum
