import { setTimeout as sleep } from 'node:timers/promises'
import type { Gather, JobName } from '../job/index.ts'
import * as ledger from '../ledger/index.ts'
import type { Sql } from '../ports/index.ts'
import { Gathered } from './arrival-shape.ts'
import {
  type GatherContext,
  gatherArrivals,
  isQuiet,
  sendLastPlan,
  sinceOf,
  soonSinceOf,
  startSetAside,
} from './gather-arrivals.ts'
import type { RunContext } from './run-context.ts'

/** How often whoever waits looks whether it still has to. */
export const lookMs = 200

/** At the end of a run of arrivals, however it ended: what it has set aside, and what has arrived meanwhile. */
export async function beginAfter(context: RunContext): Promise<void> {
  const { world, sql, run, log } = context
  if (run.trigger.type !== 'object' && run.trigger.type !== 'objects') return
  world.reach('finish/before-next')
  await startSetAside(context, await ledger.listSetAside(sql, run.runId, new Date(0)))
  // After one of several, the first that waits is on its way to begin the next.
  const begun = run.trigger.type === 'object' ? await gatherArrivals(context, run.job) : 0
  if (begun === 0) await sendLastPlan(context, run.job)
  else log.info('runs begun with what has arrived meanwhile', { begun })
}

/**
 * Who came while `beginAfter` claimed others saw them wait, and left. They wait as long as any does: runs begun at once, with the few
 * that had come since the one before, were 668 for 10,000 objects. The last thing to do, as a burst may go on for minutes.
 */
export async function leadThoseWhoLeft(context: RunContext): Promise<void> {
  const { job, trigger } = context.run
  if (trigger.type !== 'object') return
  const oldest = await oldestWaiting(context.sql, job)
  const shape = oldest?.shape ?? null
  const kept = shape === null ? null : await ledger.readShape(context.sql, job, shape)
  if (kept !== null) await leadOn(context, job, Gathered.parse(JSON.parse(kept)).gather)
}

/**
 * Who came while others were being claimed saw them wait, and left: their turn is ours, until nobody waits. Those who come later are
 * in the same place, so a burst has one who waits.
 */
export async function leadOn(context: GatherContext, job: JobName, gather: Gather): Promise<void> {
  const { sql, deadline, world } = context
  // Whoever finds that somebody leads goes, so who leads looks once more when it does no longer.
  while (await ledger.becomeLeader(sql, job)) {
    await leadUntilNoneWaits(context, job, gather)
    await ledger.resignLeader(sql, job)
    if (world.clock.now() >= deadline.softAt || (await oldestWaiting(sql, job)) === undefined) return
  }
}

async function oldestWaiting(sql: Sql, job: JobName, sinceFor = sinceOf): Promise<ledger.Arrival | undefined> {
  const last = await ledger.readLastGathering(sql, job)
  return (await ledger.listWaitingArrivals(sql, job, sinceFor(last), 1))[0]
}

/** How long one whose row committed late may wait for a look that goes so far back. */
const farLookMs = 10_000

/** Looks a little way back, and far now and then, and before it says that nobody waits. */
function looker({ sql, world }: GatherContext, job: JobName): () => Promise<ledger.Arrival | undefined> {
  let lookedFarAt = 0
  return async () => {
    const now = world.clock.now().getTime()
    const near = now - lookedFarAt < farLookMs ? await oldestWaiting(sql, job, soonSinceOf) : undefined
    if (near !== undefined) return near
    lookedFarAt = now
    return await oldestWaiting(sql, job)
  }
}

const sinceAtMost = (at: Date) => (last: ledger.Gathering | null) => {
  const since = soonSinceOf(last)
  return since < at ? since : at
}

async function leadUntilNoneWaits(context: GatherContext, job: JobName, gather: Gather): Promise<void> {
  const { world, sql, deadline } = context
  const look = looker(context, job)
  // To find it, those that were claimed are passed; whether it still waits is told by one key.
  let oldest = await look()
  while (oldest !== undefined) {
    const last = await ledger.readLastGathering(sql, job)
    const now = world.clock.now()
    const leftMs = gather.waitMs - (now.getTime() - oldest.arrivedAt.getTime())
    const isLast = now >= deadline.softAt
    const isDue = isLast || leftMs <= 0 || isQuiet(last, gather, now)
    const turn = { sinceFor: sinceAtMost(oldest.arrivedAt), dueFor: oldest.arrivalId }
    if (isDue) await gatherArrivals(context, job, isLast ? {} : turn)
    else await sleep(Math.min(lookMs, leftMs), undefined, { signal: deadline.signal })
    if (isLast) return
    const isOver = isDue || (await ledger.readArrivalClaim(sql, oldest.arrivalId)) !== null
    if (isOver) oldest = await look()
  }
}
