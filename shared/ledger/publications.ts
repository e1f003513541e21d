import type { RunId } from '../job/index.ts'
import type { Sql } from '../ports/index.ts'
import { PublishedRow } from './rows.ts'
import { statements } from './statements.ts'

/** Inside the transaction of the plan. */
export async function insertStaging(sql: Sql, runId: RunId, now: Date): Promise<void> {
  await sql.query(statements['insert-run-staging'], [runId, now])
}

/** null: the rows of the run become visible chunk by chunk, or it is not planned yet. */
export async function readStaging(sql: Sql, runId: RunId): Promise<{ dropped: boolean } | null> {
  const { rows } = await sql.query<{ dropped: boolean }>(statements['read-run-staging'], [runId])
  return rows[0] ?? null
}

/** Inside the transaction that publishes. @throws 23505 as target/sql-failed when the run was published before */
export async function insertPublished(sql: Sql, runId: RunId, { staged, loaded }: PublishedRow, now: Date) {
  await sql.query(statements['insert-published'], [runId, staged, loaded, now])
}

/** Of the database that is asked: where the rows are, or where the ledger is, which learns of it after. */
export async function readPublished(sql: Sql, runId: RunId): Promise<PublishedRow | null> {
  const { rows } = await sql.query(statements['read-published'], [runId])
  return rows[0] === undefined ? null : PublishedRow.parse(rows[0])
}

/** Runs that ended in this time, without publishing, and whose collected rows are still there. */
export async function listStagingLeftovers(sql: Sql, ended: { since: Date; before: Date }, limit: number) {
  const values = [ended.since, ended.before, limit]
  const { rows } = await sql.query<{ run_id: RunId }>(statements['list-staging-leftovers'], values)
  return rows.map((row) => row.run_id)
}

/** Inside the transaction that drops the table, or that ends a run which has published. */
export async function insertStagingDropped(sql: Sql, runId: RunId, now: Date): Promise<void> {
  await sql.query(statements['insert-staging-dropped'], [runId, now])
}
