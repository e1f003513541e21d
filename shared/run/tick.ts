import { TransferError } from '../errors/index.ts'
import * as ledger from '../ledger/index.ts'
import type { PostgresConnection, Sql } from '../ports/index.ts'
import { dayMs } from '../schedule/index.ts'
import { startDue } from './due-runs.ts'
import type { TickEvent } from './events.ts'
import { giveUp } from './give-up.ts'
import { claimOfRetry } from './increment.ts'
import { listLedgers } from './job-store.ts'
import { repairRun } from './repair-run.ts'
import { openRun, type RunContext } from './run-context.ts'
import { dropLeftover, listLeftovers } from './staging-leftovers.ts'
import { retryRun } from './steer-run.ts'
import { type Tally, tallyEach } from './tally.ts'
import type { Deadline, World } from './world.ts'

export interface TickAnswer {
  readonly started: number
  readonly repaired: number
  readonly troubles: number
}

/** Every minute: starts what is due and sends again what was lost. Also the failure destination of the other functions. */
export async function tick(world: World, event: TickEvent, deadline: Deadline): Promise<TickAnswer> {
  if ('requestContext' in event) {
    await giveUp(world, event, deadline)
    return { started: 0, repaired: 0, troubles: 1 }
  }
  const started = await startDue(world, event, deadline)
  const repaired = await repairAll(world, deadline)
  return { started: started.count, repaired: repaired.count, troubles: started.troubles + repaired.troubles }
}

const runsPerLedger = 500
/** Looked at in order of priority. Most of a long backfill waits for its beginning, which costs two look-ups each. */
const waitingPerLedger = 2000

/** All at once: a database that is gone must not make the others wait for its time-out. */
async function repairAll(world: World, deadline: Deadline): Promise<Tally> {
  const ledgers = await listLedgers(world.store)
  const tallies = await Promise.all(
    ledgers.map((one) => tallyEach(world, [one], (address) => repairLedger(world, address, deadline))),
  )
  return {
    count: tallies.reduce((sum, tally) => sum + tally.count, 0),
    troubles: tallies.reduce((sum, tally) => sum + tally.troubles, 0),
  }
}

async function repairLedger(world: World, address: PostgresConnection, deadline: Deadline): Promise<number> {
  await using sql = await world.connectSql(address, deadline.signal)
  await ledger.migrate(sql, world.clock.now())
  let sent = 0
  for (const runId of await ledger.listOpenRuns(sql, runsPerLedger)) {
    sent += await repairRun(await openRun(world, sql, { address, runId }, deadline))
  }
  for (const runId of await ledger.listWaitingRuns(sql, waitingPerLedger)) {
    sent += await repairRun(await openRun(world, sql, { address, runId }, deadline))
  }
  const leftovers = await listLeftovers(sql, world.clock.now())
  await tallyEach(world, leftovers, async (runId) => {
    await dropLeftover(await openRun(world, sql, { address, runId }, deadline))
    return 1
  })
  sent += await repairNotices(world, sql, address, deadline)
  return sent + (await rerunFailed(world, sql, address, deadline))
}

/** `finish` comes back for notices that it could not deliver; what is a day old helps nobody any more. */
async function repairNotices(world: World, sql: Sql, address: PostgresConnection, deadline: Deadline): Promise<number> {
  const since = new Date(world.clock.now().getTime() - dayMs)
  let sent = 0
  for (const runId of await ledger.listRunsWithNotices(sql, since, runsPerLedger))
    sent += await repairRun(await openRun(world, sql, { address, runId }, deadline))
  return sent
}

/** Goes on with cycles that failed, as often and as late as their schedule says. */
async function rerunFailed(world: World, sql: Sql, address: PostgresConnection, deadline: Deadline): Promise<number> {
  const now = world.clock.now()
  // No interval is longer than a day, and what has been failed for two was not found in time.
  const due = await ledger.listReruns(sql, new Date(now.getTime() - 2 * dayMs), now, runsPerLedger)
  let begun = 0
  for (const runId of due) {
    const context = await openRun(world, sql, { address, runId }, deadline)
    if (!(await isSuperseded(context))) {
      await retryRun(context)
      begun += 1
    }
  }
  return begun
}

/** Its rows are read by another run, or were: it stays failed, and the next look need not ask again. */
async function isSuperseded({ sql, run }: RunContext): Promise<boolean> {
  return await claimOfRetry(sql, run).then(
    () => false,
    (error: unknown) => {
      if (error instanceof TransferError && /^run\/(watermark-moved|increment-taken)$/.test(error.code)) return true
      throw error
    },
  )
}
