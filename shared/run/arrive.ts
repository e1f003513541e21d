import { setTimeout as sleep } from 'node:timers/promises'
import { type JobSpec, type ObjectTrigger, type RunId, type RunKey, runIdOf, runKeyOfObject } from '../job/index.ts'
import * as ledger from '../ledger/index.ts'
import type { Sql } from '../ports/index.ts'
import { type Shape, shapeOf } from './arrival-shape.ts'
import { ledgerOf } from './ends.ts'
import { type GatherContext, gatherArrivals, isQuiet, recently, sendLastPlan } from './gather-arrivals.ts'
import { leadOn, lookMs } from './lead-arrivals.ts'
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
      await gatherArrivals(context, job, { dueFor: arrivalId })
      await leadOn(context, job, gathered.gather)
      return await ledger.readArrivalClaim(sql, arrivalId)
    }
    if (looks === 0 && isLed) return null
    await sleep(Math.min(lookMs, gathered.gather.waitMs - waitedMs), undefined, { signal: deadline.signal })
    const runId = await ledger.readArrivalClaim(sql, arrivalId)
    if (runId !== null) return runId
  }
}
