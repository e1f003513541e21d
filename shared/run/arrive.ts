import { setTimeout as sleep } from 'node:timers/promises'
import {
  type Gather,
  type JobName,
  type JobSpec,
  type ObjectTrigger,
  type RunId,
  type RunKey,
  runIdOf,
  runKeyOfObject,
} from '../job/index.ts'
import * as ledger from '../ledger/index.ts'
import type { Sql } from '../ports/index.ts'
import { type Shape, shapeOf } from './arrival-shape.ts'
import { ledgerOf } from './ends.ts'
import {
  type GatherContext,
  gatherArrivals,
  isQuiet,
  recently,
  sendLastPlan,
  sinceOf,
  soonSinceOf,
} from './gather-arrivals.ts'
import { openRun } from './run-context.ts'
import { onKnownLedger, sendPlan } from './start-run.ts'
import type { Deadline, World } from './world.ts'

export interface ArrivedFor {
  readonly spec: JobSpec
  readonly trigger: ObjectTrigger
  readonly bucket: string
  readonly key: string
  readonly etag: string
  readonly size: number
}

/**
 * One object for one job: a fact of the ledger, and then a run, or a share in the next. A repeat finds both.
 * @returns the run that the object belongs to; null: it waits for the run under way to end
 * @throws job/no-adbpg-end, connect/*
 */
export async function arrive(world: World, arrived: ArrivedFor, deadline: Deadline): Promise<RunId | null> {
  const address = await ledgerOf(world, arrived.spec)
  return await onKnownLedger(world, address, deadline, (sql) => arriveAt({ world, sql, address, deadline }, arrived))
}

async function arriveAt(context: GatherContext, arrived: ArrivedFor): Promise<RunId | null> {
  const { world, sql } = context
  const { spec, trigger, bucket, key, etag, size } = arrived
  const runKey = runKeyOfObject(spec.name, bucket, key, etag)
  const shape = await shapeOf(world, spec, trigger, arrived)
  const arrival: ledger.Arrival = {
    arrivalId: runIdOf(runKey),
    job: spec.name,
    bucket,
    key,
    etag,
    size,
    shape: shape?.name ?? null,
    arrivedAt: world.clock.now(),
  }
  if (shape === null) return await beginAlone(context, arrival, runKey, spec)
  // Ten thousand are new and have a known shape: they cost this one statement, and the others three more.
  if (await ledger.insertArrival(sql, arrival)) return await joinOrBegin(context, arrival, shape)
  await insertShape(sql, arrival, shape)
  await ledger.insertArrival(sql, arrival)
  return (await claimedBy(context, arrival)) ?? (await joinOrBegin(context, arrival, shape))
}

async function insertShape(sql: Sql, { job, arrivedAt }: ledger.Arrival, { name, gathered }: Shape): Promise<void> {
  if ((await ledger.readShape(sql, job, name)) === null)
    await ledger.insertShape(sql, job, name, JSON.stringify(gathered), arrivedAt)
}

/** Of an arrival that is known: its plan may have been lost on the way. null: it waits. */
async function claimedBy(context: GatherContext, { arrivalId, job }: ledger.Arrival): Promise<RunId | null> {
  const { world, sql, address, deadline } = context
  const claim = await ledger.readArrivalClaim(sql, arrivalId)
  // Before there were claims, an object was a run.
  const runId = claim ?? ((await ledger.readRun(sql, arrivalId)) === null ? null : arrivalId)
  if (runId === null) return null
  await sendPlan(await openRun(world, sql, { address, runId }, deadline))
  await sendLastPlan(context, job)
  return runId
}

/** The run, its arrival and the claim come together, so an object that was gathered before is not loaded once more. */
async function beginAlone(
  context: GatherContext,
  arrival: ledger.Arrival,
  runKey: RunKey,
  spec: JobSpec,
): Promise<RunId> {
  const { world, sql, address, deadline } = context
  const { arrivalId: runId, job, bucket, key, etag, size, arrivedAt } = arrival
  const trigger = { type: 'object', bucket, key, etag, size } as const
  try {
    await sql.transaction(async () => {
      await ledger.insertArrival(sql, arrival)
      await ledger.insertArrivalClaims(sql, runId, [runId])
      await ledger.insertRunWith(sql, { runId, runKey, job, spec, trigger, requestedAt: arrivedAt })
    })
  } catch (error) {
    if (!ledger.isDuplicate(error)) throw error
    const known = await claimedBy(context, arrival)
    if (known !== null) return known
    throw error
  }
  world.reach('start/after-run-row')
  await sendPlan(await openRun(world, sql, { address, runId }, deadline))
  return runId
}

/** How often whoever waits looks whether it still has to. */
const lookMs = 200

/**
 * Where something speaks for waiting, the first to wait stays, for as long as an object may wait at most, and then begins a run with
 * all that came; the others go. Should it die, the platform repeats its event, and `tick` looks too.
 */
async function joinOrBegin(
  context: GatherContext,
  arrival: ledger.Arrival,
  { gathered }: Shape,
): Promise<RunId | null> {
  const { world, sql, deadline } = context
  const { arrivalId, job, arrivedAt } = arrival
  for (let looks = 0; ; looks += 1) {
    const { last, isLed } = await ledger.lookAround(sql, arrival, recently(arrivedAt))
    const now = world.clock.now()
    const waitedMs = now.getTime() - arrivedAt.getTime()
    if (isQuiet(last, gathered.gather, now) || waitedMs >= gathered.gather.waitMs || now >= deadline.softAt) {
      await gatherArrivals(context, job)
      await leadOn(context, job, gathered.gather)
      return await ledger.readArrivalClaim(sql, arrivalId)
    }
    if (looks === 0 && isLed) return null
    await sleep(Math.min(lookMs, gathered.gather.waitMs - waitedMs), undefined, { signal: deadline.signal })
    const runId = await ledger.readArrivalClaim(sql, arrivalId)
    if (runId !== null) return runId
  }
}

/**
 * Who came while others were being claimed saw them wait, and left: their turn is ours, until nobody waits. Those who come later are
 * in the same place, so a burst has one who waits.
 */
async function leadOn(context: GatherContext, job: JobName, gather: Gather): Promise<void> {
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
    if (isDue) await gatherArrivals(context, job, isLast ? sinceOf : sinceAtMost(oldest.arrivedAt))
    else await sleep(Math.min(lookMs, leftMs), undefined, { signal: deadline.signal })
    if (isLast) return
    const isOver = isDue || (await ledger.readArrivalClaim(sql, oldest.arrivalId)) !== null
    if (isOver) oldest = await look()
  }
}
