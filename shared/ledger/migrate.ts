import { TransferError } from '../errors/index.ts'
import type { Sql } from '../ports/index.ts'
import { migrations, statements } from './statements.ts'

// Another session was faster. PostgreSQL notices at the schema, the table, the table's row type, or a catalog's unique index.
const duplicateObject = new Set(['42P06', '42P07', '42710', '23505'])
const missingObject = new Set(['3F000', '42P01'])

const sqlStateIn = (error: unknown) => (error instanceof TransferError ? error.context.sqlstate : undefined)
const isOneOf = (states: ReadonlySet<string>, error: unknown) => states.has(String(sqlStateIn(error)))

/** A table of the ledger is not there: it was removed, or put back from before there was such a table. */
export const isMissing = (error: unknown): boolean => isOneOf(missingObject, error)

/**
 * Brings the ledger of this database to the newest version. Safe under races: the marker row is inserted
 * first, so a second migrator waits on its primary key and then finds the work done.
 * @returns the versions applied by this call
 * @throws connect/permission-denied when the user may not create the schema
 */
export async function migrate(sql: Sql, now: Date): Promise<number[]> {
  const applied = await appliedVersions(sql)
  const missing = Object.keys(migrations).filter((name) => !applied.has(Number(name)))
  if (missing.length === 0) return []
  await createMarker(sql)
  const done: number[] = []
  for (const name of missing) if (await applyOne(sql, name, now)) done.push(Number(name))
  return done
}

async function appliedVersions(sql: Sql): Promise<ReadonlySet<number>> {
  try {
    const { rows } = await sql.query<{ version: number }>(statements['read-migrations'])
    return new Set(rows.map((row) => row.version))
  } catch (error) {
    if (isMissing(error)) return new Set()
    throw error
  }
}

/**
 * One after the other: `if not exists` races in PostgreSQL. The question is not only for its answer: a session learns what
 * others have made when it locks a table, which it does for this one and does not for `create schema`.
 */
async function createMarker(sql: Sql): Promise<void> {
  await sql.transaction(async () => {
    await sql.query(statements['lock-migration'])
    const { rowCount } = await sql.query(statements['find-schema'])
    if (rowCount === 0) await sql.query(statements['create-schema'])
    await sql.query(statements['create-migration-table'])
  })
}

async function applyOne(sql: Sql, name: string, now: Date): Promise<boolean> {
  try {
    await sql.transaction(async () => {
      await sql.query(statements['insert-migration'], [Number(name), now])
      for (const statement of await statementsOf(sql, name)) await sql.query(statement)
    })
    return true
  } catch (error) {
    if (isOneOf(duplicateObject, error)) return false
    throw error
  }
}

async function statementsOf(sql: Sql, name: string): Promise<string[]> {
  const { rows } = await sql.query<{ greenplum: boolean }>(statements['detect-greenplum'])
  const distributedBy = (column: string) => (rows[0]?.greenplum ? `distributed by (${column})` : '')
  return (migrations[name] ?? '')
    .replaceAll(/^--.*$/gm, '')
    .replaceAll(/\{\{distribution(?: by (\w+))?\}\}/g, (_, column: string | undefined) =>
      distributedBy(column ?? 'run_id'),
    )
    .split(';')
    .map((statement) => statement.trim())
    .filter((statement) => statement !== '')
}
