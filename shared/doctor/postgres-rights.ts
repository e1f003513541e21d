import type { CopyTarget } from '../connectors/contract.ts'
import type { Sql } from '../ports/index.ts'
import type { Capabilities } from '../postgres/capabilities.ts'
import { quoteTable } from '../schema/index.ts'
import { failed, passed, type Result } from './finding.ts'

/** What the server is, in one line. */
export function serverText({ server, onConflict, segments }: Capabilities): string {
  const merges = onConflict ? 'merges by ON CONFLICT' : 'has no ON CONFLICT, so merges lock the table'
  return `${server.product} ${server.version}; ${merges}${segments === null ? '' : `; ${segments} segments`}`
}

/** The schema of the ledger is there and open, or may be made. */
export async function checkLedgerRights(sql: Sql, user: string): Promise<Result> {
  const { rows } = await sql.query<{ there: boolean; create: boolean; name: string }>(
    `select exists (select 1 from pg_catalog.pg_namespace where nspname = 'adbpg_sync') as there,
            pg_catalog.has_database_privilege(current_database(), 'create') as create,
            current_database()::text as name`,
  )
  const { there = false, create = false, name = '' } = rows[0] ?? {}
  if (there) return await checkLedgerTables(sql, user)
  if (create) return passed('privileges', 'schema adbpg_sync will be created by the first run')
  const next = `As its owner: grant create on database ${name} to ${user}; or: create schema adbpg_sync authorization ${user}.`
  return failed('privileges', `${user} may not create schema adbpg_sync`, next)
}

async function checkLedgerTables(sql: Sql, user: string): Promise<Result> {
  const { rows } = await sql.query<{ what: string }>(
    `select 'schema adbpg_sync' as what where not pg_catalog.has_schema_privilege('adbpg_sync', 'usage')
     union all
     select 'new tables in adbpg_sync' where not pg_catalog.has_schema_privilege('adbpg_sync', 'create')
     union all
     select 'table adbpg_sync.' || c.relname::text
     from pg_catalog.pg_class c
     join pg_catalog.pg_namespace n on n.oid = c.relnamespace
     where n.nspname = 'adbpg_sync' and c.relkind = 'r'
       and not (pg_catalog.has_table_privilege(c.oid, 'insert') and pg_catalog.has_table_privilege(c.oid, 'select'))`,
  )
  if (rows.length === 0) return passed('privileges', 'schema adbpg_sync is there and may be used')
  const next = `Use the user who made the ledger, or: grant usage, create on schema adbpg_sync to ${user}; grant select, insert on all tables in schema adbpg_sync to ${user}.`
  return failed('privileges', `${user} lacks rights on ${rows.map(({ what }) => what).join(', ')}`, next)
}

export interface LoaderFacts {
  readonly columns: readonly string[]
  readonly user: string
  /** The merge holds a lock of the table, which the right to insert alone does not allow. */
  readonly locks: boolean
}

/** What loading into a table takes, as far as the catalog knows. */
export async function checkTargetRights(sql: Sql, target: CopyTarget, given: LoaderFacts): Promise<Result> {
  const { user, columns, locks } = given
  const { publication, conflict, preSql } = target
  const table = quoteTable(publication === null ? target.table : (await publication.facts(sql)).place)
  const overwriting = publication === null || publication.overwrite === null ? [] : ['select', 'delete']
  const needed = [...new Set(['insert', ...mergeRights(conflict, locks), ...overwriting, ...sqlRights(preSql)])]
  const missing = await missingRights(sql, table, needed, columns)
  if (missing.length === 0) return passed('privileges', `${user} may ${needed.join(', ')} on ${table}`)
  const next = `As the owner of the table: grant ${missing.join(', ')} on ${table} to ${user}; and usage on its schema.`
  return failed('privileges', `${user} may not ${missing.join(', ')} on ${table}`, next)
}

function mergeRights(rule: CopyTarget['conflict'], locks: boolean): string[] {
  if (rule === null) return []
  return rule.on === 'ignore' && !locks ? ['select'] : ['select', 'update']
}

/** Of what the job's own statements do, the two that are common and need a right of their own. */
const sqlRights = (statements: readonly string[]): string[] =>
  ['truncate', 'delete'].filter((right) => statements.some((text) => new RegExp(`^\\s*${right}\\b`, 'i').test(text)))

/** The right to insert may be given column by column, which is enough for COPY with a list. */
async function missingRights(
  sql: Sql,
  table: string,
  rights: readonly string[],
  columns: readonly string[],
): Promise<string[]> {
  const { rows } = await sql.query<{ what: string }>(
    `select r.name as what
     from unnest($2::text[]) r(name)
     where not pg_catalog.has_table_privilege($1::regclass, r.name)
       and not (r.name = 'insert' and not exists (
         select 1 from unnest($3::text[]) c(name)
         where not pg_catalog.has_column_privilege($1::regclass, c.name, 'insert')
       ))`,
    [table, [...rights], [...columns]],
  )
  return rows.map(({ what }) => what)
}
