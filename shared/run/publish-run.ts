import { asTransferError, TransferError } from '../errors/index.ts'
import * as ledger from '../ledger/index.ts'
import { runInTransaction } from '../load/author-sql.ts'
import type { PublicationPlan } from '../load/publication.ts'
import type { Sql } from '../ports/index.ts'
import { Capabilities } from '../postgres/capabilities.ts'
import { isSameDatabase, openTarget } from './ends.ts'
import type { RunContext } from './run-context.ts'
import { type AtomicTarget, publicationPlanOf, stagingOf } from './run-staging.ts'

/**
 * Takes the collected rows of a run into the table; inside the transaction of the ledger that ends the run. Where the rows
 * go to another database, that commits first and keeps the fact, so a repeat after a crash between the two finds it.
 */
export async function publishRun(context: RunContext, target: AtomicTarget): Promise<void> {
  const { sql, run, world, address } = context
  if (isSameDatabase(target.connection, address)) return void (await publishIn(context, sql, target))
  const published = await publishElsewhere(context, target)
  world.reach('finish/between-commits')
  await ledger.insertPublished(sql, run.runId, published, world.clock.now())
}

async function publishElsewhere(context: RunContext, target: AtomicTarget): Promise<ledger.PublishedRow> {
  const { world, run, deadline } = context
  await using session = await world.connectSql(target.connection, deadline.signal)
  await ledger.migrate(session, world.clock.now())
  const before = await ledger.readPublished(session, run.runId)
  return before ?? (await session.transaction(() => publishIn(context, session, target)))
}

/** The rows are in the other database, though the ledger does not know: somebody died between two commits. */
export async function isPublishedElsewhere(context: RunContext): Promise<boolean> {
  const { world, run, deadline, address, log } = context
  if ((await ledger.readStaging(context.sql, run.runId)) === null) return false
  try {
    await using target = await openTarget(context)
    if (target.kind !== 'copy' || isSameDatabase(target.connection, address)) return false
    await using session = await world.connectSql(target.connection, deadline.signal)
    await ledger.migrate(session, world.clock.now())
    return (await ledger.readPublished(session, run.runId)) !== null
  } catch (thrown) {
    const error = asTransferError(thrown)
    if (!error.code.startsWith('connect/')) throw thrown
    // The run has to end all the same; `retry` asks again.
    log.warn('nobody knows whether the run was published', { error: error.report() })
    return false
  }
}

/** All in one transaction: `preSql`, what is replaced, the rows, the fact, `postSql`. */
async function publishIn(context: RunContext, sql: Sql, target: AtomicTarget): Promise<ledger.PublishedRow> {
  const { run, world } = context
  const planned = await ledger.readPlan(context.sql, run.runId)
  if (planned === null) throw new TransferError('internal/bug', 'a run is published before it was planned')
  const capabilities = Capabilities.parse(planned.capabilities)
  await runInTransaction(sql, 'preSql', target.preSql)
  const plan = await publicationPlanOf(sql, target, capabilities, stagingOf(run.runId))
  const published = await takeRows(context, sql, plan, target.conflict !== null)
  await ledger.insertPublished(sql, run.runId, published, world.clock.now())
  await runInTransaction(sql, 'postSql', target.postSql)
  world.reach('finish/in-publication')
  return published
}

/** @throws run/counts-differ, target/publication-refused */
async function takeRows(
  { sql: ledgerSql, run }: RunContext,
  sql: Sql,
  plan: PublicationPlan,
  isMerge: boolean,
): Promise<ledger.PublishedRow> {
  const { loaded: expected } = await ledger.countChunksDone(ledgerSql, run.runId)
  const { rows } = isMerge ? await sql.query<{ records: string }>(plan.countStaged) : { rows: [] }
  if (rows[0] !== undefined && Number(rows[0].records) !== expected)
    throw countsDiffer(expected, Number(rows[0].records))
  let loaded = 0
  try {
    // As late as can be: others may write until now, and read until the end.
    if (plan.lock !== null) await sql.query(plan.lock)
    if (plan.remove !== null) await sql.query(plan.remove)
    for (const statement of plan.insert) loaded += (await sql.query(statement)).rowCount
    if (plan.count !== null) loaded = Number((await sql.query<{ records: number }>(plan.count)).rows[0]?.records ?? 0)
    await sql.query(plan.drop)
  } catch (thrown) {
    throw asRefusedPublication(thrown)
  }
  if (!isMerge && loaded !== expected) throw countsDiffer(expected, loaded)
  return { staged: expected, loaded }
}

function countsDiffer(collected: number, found: number): TransferError {
  const message = `${collected} records were collected, ${found} were found at the end: a trigger or rule of the table, or somebody else, took some away`
  return new TransferError('run/counts-differ', message, { collected, found })
}

/** Data and constraints, and what a trigger of the table said: all rows were refused for the sake of one. */
function asRefusedPublication(thrown: unknown): unknown {
  const error = asTransferError(thrown)
  if (!/^(22|23|P0001)/.test(String(error.context.sqlstate))) return thrown
  const message = `no row of the run was loaded, because the table refused one at its end: ${error.message}`
  return new TransferError('target/publication-refused', message, error.context, { cause: thrown })
}
