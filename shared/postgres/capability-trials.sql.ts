/*
 * Statements that some servers refuse: each is tried in a savepoint and means something only by failing or not. They
 * are the one place where SQL newer than the 9.4 kernel may stand (design §6).
 */
export const tryOnConflict = 'insert into adbpg_sync_probe (id) values (1) on conflict do nothing'
export const tryExportSnapshot = 'select pg_export_snapshot()'
/** 42704 on every server that is not ADBPG, and on old ADBPG (adbpg-and-peers.md A5). */
export const tryAdbpgVersion = 'show adbpg_version'
/** Hidden from plain users on some instances; then the distribution of any table tells. */
export const trySegmentConfiguration =
  "select count(*)::int as segments from gp_segment_configuration where role = 'p' and content >= 0"
export const tryDistributionSegments = 'select max(numsegments)::int as segments from gp_distribution_policy'
/** `pg_am` lists table access methods from the PostgreSQL 12 kernel on. */
export const tryAccessMethods = "select amname::text as name from pg_am where amtype = 't' order by amname"
/** The 9.4 kernel has append-optimized tables as a storage option instead. */
export const tryAppendOptimized = 'create temp table adbpg_sync_probe_ao (id int) with (appendonly=true) on commit drop'
