import { TransferError } from '../errors/index.ts'
import type { RunId } from '../job/index.ts'
import * as ledger from '../ledger/index.ts'
import type { PostgresConnection, Sql } from '../ports/index.ts'
import { dayMs } from '../schedule/index.ts'
import type { TickEvent } from './events.ts'
import { gatherLeftBehind } from './gather-arrivals.ts'
import { giveUp } from './give-up.ts'
import { claimOfRetry } from './increment.ts'
import { listLedgers } from './job-store.ts'
import { repairRun } from './repair-run.ts'
import { openRun, type RunContext } from './run-context.ts'
import { dropLeftover, listLeftovers } from './staging-leftovers.ts'
import { findDue, keepMarks, startMissed, startOnTime } from './start-due.ts'
import { retryRun } from './steer-run.ts'
import { sumOf, type Tally, tallyEach } from './tally.ts'
import { reportUnwatched } from './unwatched-jobs.ts'
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
  const due = await findDue(world, event)
  await reportUnwatched(world, due.jobs)
  const onTime = await startOnTime(world, due, deadline)
  // Before what was missed: a downtime leaves runs half done, and thousands of cycles.
  const repaired = await repairAll(world, deadline)
  const missed = await startMissed(world, due, deadline)
  await keepMarks(world, due)
  const troubles = onTime.troubles + repaired.troubles + missed.troubles
  return { started: onTime.count + missed.count, repaired: repaired.count, troubles }
}

const runsPerLedger = 500
/** Looked at in order of priority. Most of a long backfill waits for its beginning, which costs two look-ups each. */
const waitingPerLedger = 2000

/** All at once: a database that is gone must not make the others wait for its time-out. */
async function repairAll(world: World, deadline: Deadline): Promise<Tally> {
  const ledgers = await listLedgers(world.store)
  return sumOf(await Promise.all(ledgers.map((address) => repairOrReport(world, address, deadline))))
}

/** A ledger in trouble is one trouble, whatever of it was repaired before. */
async function repairOrReport(world: World, address: PostgresConnection, deadline: Deadline): Promise<Tally> {
  const repaired: Tally[] = []
  const whole = await tallyEach(world, [address], async () => {
    await using sql = await world.connectSql(address, deadline.signal)
    await ledger.migrate(sql, world.clock.now())
    for await (const tally of repairsOf(world, sql, address, deadline)) repaired.push(tally)
    return 0
  })
  return sumOf([...repaired, whole])
}

async function* repairsOf(
  world: World,
  sql: Sql,
  address: PostgresConnection,
  deadline: Deadline,
): AsyncIterable<Tally> {
  const now = world.clock.now()
  const each = (runs: readonly RunId[], work: (context: RunContext) => Promise<number>) =>
    tallyEach(
      world,
      runs,
      async (runId) => await work(await openRun(world, sql, { address, runId }, deadline)),
      () => isGone(sql),
    )
  yield await each(await ledger.listOpenRuns(sql, runsPerLedger), repairRun)
  yield await each(await ledger.listWaitingRuns(sql, waitingPerLedger), repairRun)
  yield await each(await listLeftovers(sql, now), dropLeftover)
  yield await tallyEach(
    world,
    ['arrivals'],
    () => gatherLeftBehind({ world, sql, address, deadline }),
    () => isGone(sql),
  )
  // `finish` comes back for notices that it could not deliver; what is a day old helps nobody any more.
  const dayAgo = new Date(now.getTime() - dayMs)
  yield await each(await ledger.listRunsWithNotices(sql, dayAgo, runsPerLedger), repairRun)
  // No interval is longer than a day, and what has been failed for two was not found in time.
  const twoDaysAgo = new Date(now.getTime() - 2 * dayMs)
  yield await each(await ledger.listReruns(sql, twoDaysAgo, now, runsPerLedger), rerunFailed)
}

/** Also when the time limit took the session: no run after this one could be looked at. */
const isGone = (sql: Sql): Promise<boolean> =>
  sql.query('select 1').then(
    () => false,
    () => true,
  )

/** Goes on with a cycle that failed, as often and as late as its schedule says. */
async function rerunFailed(context: RunContext): Promise<number> {
  if (await isSuperseded(context)) return 0
  await retryRun(context)
  return 1
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
