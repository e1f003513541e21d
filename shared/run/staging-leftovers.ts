import * as ledger from '../ledger/index.ts'
import type { Sql } from '../ports/index.ts'
import { quoteTable } from '../schema/index.ts'
import { isSameDatabase, openTarget } from './ends.ts'
import type { RunContext } from './run-context.ts'
import { isAtomic, stagingOf } from './run-staging.ts'

/** Collected rows of a run that ended otherwise are kept for `retry` this long: the schedule's own reruns look back two days. */
const keepMs = 3 * 24 * 3_600_000
/** A table that could not be dropped in this time, as its database is gone, is left to people. */
const tryMs = 7 * 24 * 3_600_000

const leftoversPerLook = 100

/** Runs whose collected rows nobody will ask for any more. */
export function listLeftovers(sql: Sql, now: Date) {
  const before = now.getTime() - keepMs
  const ended = { since: new Date(before - tryMs), before: new Date(before) }
  return ledger.listStagingLeftovers(sql, ended, leftoversPerLook)
}

/** Under the lock of the run, and only while it is still over: `retry` may have come first. */
export async function dropLeftover(context: RunContext): Promise<number> {
  const { sql, run, world, deadline, address } = context
  await using target = await openTarget(context)
  if (target.kind !== 'copy' || !isAtomic(target)) return 0
  const { connection } = target
  const drop = `drop table if exists ${quoteTable(stagingOf(run.runId))}`
  await sql.transaction(async () => {
    await ledger.lockRunExclusive(sql, run.runId)
    const now = await ledger.readRun(sql, run.runId)
    const staging = await ledger.readStaging(sql, run.runId)
    if (now?.generation !== run.generation || staging === null || staging.dropped) return
    if (isSameDatabase(connection, address)) await sql.query(drop)
    else {
      await using session = await world.connectSql(connection, deadline.signal)
      await session.query(drop)
    }
    await ledger.insertStagingDropped(sql, run.runId, world.clock.now())
  })
  return 1
}
