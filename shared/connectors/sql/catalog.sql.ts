/* Catalog queries; all of them run on the 9.4 kernel. Parameters are text, whatever they are compared with. */

/**
 * $1 schema or null for the search path, $2 name. Tables, views, materialized views, foreign and partitioned tables. An
 * external table of Greenplum 6 is a table with a storage of its own; it is told as the foreign one that 7 makes of it.
 */
export const findTable = `
  select c.oid::text as oid, n.nspname::text as schema, c.relname::text as "table",
    case when row_to_json(c) ->> 'relstorage' = 'x' then 'f' else c.relkind::text end as kind
  from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  where c.relname = $2::text
    and c.relkind in ('r', 'v', 'm', 'f', 'p')
    and (n.nspname = $1::text or ($1::text is null and pg_catalog.pg_table_is_visible(c.oid)))`

/** Generated and identity columns are known to newer kernels only, so they are looked up in the row as JSON. */
export const listColumns = `
  select a.attname::text as name, pg_catalog.format_type(a.atttypid, a.atttypmod) as type,
    not a.attnotnull as nullable, coalesce(row_to_json(a) ->> 'attgenerated', '') <> '' as generated,
    coalesce(row_to_json(a) ->> 'attidentity', '') = 'a' as "identityAlways"
  from pg_catalog.pg_attribute a
  where a.attrelid = $1::text::oid and a.attnum > 0 and not a.attisdropped
  order by a.attnum`

/** Events as bits: 4 update, 8 insert. Of triggers: 1 for each row, 4 insert, 64 instead of. All of it since 9.3. */
export const readWritten = `
  select current_setting('server_version_num')::int as kernel,
    (pg_catalog.pg_relation_is_updatable(c.oid::regclass, true) & 8) <> 0 as "takesInserts",
    (pg_catalog.pg_relation_is_updatable(c.oid::regclass, true) & 4) <> 0 as "takesUpdates",
    exists (
      select 1 from pg_catalog.pg_trigger t where t.tgrelid = c.oid and (t.tgtype & 69) = 69 and t.tgenabled <> 'D'
    ) as "divertsInserts"
  from pg_catalog.pg_class c
  where c.oid = $1::text::oid`

/** Names to propose for one that is missing: the first thousand are plenty. */
export const listTables = `
  select n.nspname::text as schema, c.relname::text as "table"
  from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  where c.relkind in ('r', 'v', 'm', 'f', 'p')
    and n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast', 'pg_aoseg', 'gp_toolkit')
  order by (n.nspname = $1::text) desc, n.nspname, c.relname
  limit 1000`

export const findPrimaryKeyColumn = `
  select a.attname::text as name
  from pg_catalog.pg_index i
  join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
  where i.indrelid = $1::text::oid and i.indisprimary and i.indnatts = 1`

/** Partitions hang on their table by inheritance in every kernel. */
export const listChildren = `
  select i.inhrelid::text as oid from pg_catalog.pg_inherits i where i.inhparent = any ($1::text[]::oid[])`

/** Heap and toast, and rows as the last ANALYZE estimated them; 0 where there was none. Index bytes are not read by an export. */
export const measureTables = `
  select coalesce(sum(pg_catalog.pg_relation_size(c.oid)
    + case when c.reltoastrelid = 0 then 0 else pg_catalog.pg_relation_size(c.reltoastrelid) end), 0)::text as bytes,
    coalesce(sum(greatest(c.reltuples, 0)), 0)::text as rows
  from pg_catalog.pg_class c
  where c.oid = any ($1::text[]::oid[]) and c.relkind in ('r', 'm')`

export const detectDistribution = `
  select 1 as found
  from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  where n.nspname = 'pg_catalog' and c.relname = 'gp_distribution_policy'`

/** `policytype`: p partitioned over segments, r replicated. An empty `distkey` means randomly. */
export const readDistribution = `
  select policytype::text as type, distkey::text as key, numsegments::int as segments
  from pg_catalog.gp_distribution_policy where localoid = $1::text::oid`

/** A server from 9.6 on would end the holder of a snapshot for doing nothing; an older one has no such setting. */
export const disableIdleTimeout = `
  select set_config(name, '0', false) from pg_catalog.pg_settings where name = 'idle_in_transaction_session_timeout'`

export const beginReading = 'begin transaction isolation level repeatable read read only'
export const exportSnapshot = 'select pg_catalog.pg_export_snapshot() as token'
export const endReading = 'commit'

/** Whole, immediate unique indexes over columns, the primary key first: what ON CONFLICT can use. */
export const listUniqueKeys = `
  select i.indisprimary as "primary", (
    select array_agg(a.attname::text order by k.n)
    from generate_series(0, coalesce((row_to_json(i) ->> 'indnkeyatts')::int, i.indnatts::int) - 1) as k (n)
    join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[k.n]
  ) as columns
  from pg_catalog.pg_index i
  where i.indrelid = $1::text::oid and i.indisunique and i.indisvalid and i.indimmediate
    and i.indpred is null and i.indexprs is null
  order by i.indisprimary desc, i.indexrelid`

export const listChecks = `
  select pg_catalog.pg_get_constraintdef(c.oid) as definition, (
    select array_agg(a.attname::text)
    from pg_catalog.pg_attribute a
    where a.attrelid = c.conrelid and a.attnum = any (c.conkey)
  ) as columns
  from pg_catalog.pg_constraint c
  where c.conrelid = $1::text::oid and c.contype = 'c' and c.conkey is not null`

/** `distkey` holds attribute numbers; empty for a table that is spread at random, or replicated. */
export const listDistributionColumns = `
  select a.attname::text as name
  from pg_catalog.gp_distribution_policy p
  join pg_catalog.pg_attribute a on a.attrelid = p.localoid and a.attnum = any (p.distkey::int2[])
  where p.localoid = $1::text::oid`

/** Which of the catalogs about partitions this kernel has. */
export const listCatalogs = `
  select c.relname::text as name
  from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  where n.nspname = 'pg_catalog' and c.relname in ('pg_partitioned_table', 'pg_partition')`

export const listPartitionColumns = `
  select a.attname::text as name
  from pg_catalog.pg_partitioned_table p
  join pg_catalog.pg_attribute a on a.attrelid = p.partrelid and a.attnum = any (p.partattrs::int2[])
  where p.partrelid = $1::text::oid`

/** Greenplum 6: `paratts` of every level. */
export const listPartitionColumnsOf6 = `
  select distinct a.attname::text as name
  from pg_catalog.pg_partition p
  join pg_catalog.pg_attribute a on a.attrelid = p.parrelid and a.attnum = any (p.paratts::int2[])
  where p.parrelid = $1::text::oid and not p.paristemplate`

/** Partitions of every level, by the name of their table; the parent of each is found by `listChildren`. */
export const listPartitionTables = `
  select c.oid::text as oid, n.nspname::text as schema, c.relname::text as "table"
  from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  where c.oid = any ($1::text[]::oid[])
  order by n.nspname, c.relname`

/** Greenplum 6: the name that `partition by` gave each partition of every level; its table has another. */
export const listPartitionsOf6 = `
  select r.parname::text as name, r.parchildrelid::text as oid
  from pg_catalog.pg_partition p
  join pg_catalog.pg_partition_rule r on r.paroid = p.oid
  where p.parrelid = $1::text::oid and not p.paristemplate`

/** As an expression over the columns of the table; null for the only partition, a default one, which takes everything. */
export const readPartitionBounds = 'select pg_catalog.pg_get_partition_constraintdef($1::text::oid) as bounds'
