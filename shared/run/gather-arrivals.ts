import { type Gather, type JobName, type RunId, runIdOf, runKeyOfGathering, runKeyOfObject } from '../job/index.ts'
import * as ledger from '../ledger/index.ts'
import type { PostgresConnection, Sql } from '../ports/index.ts'
import { Gathered, specFor } from './arrival-shape.ts'
import { openRun } from './run-context.ts'
import { sendPlan } from './start-run.ts'
import type { Deadline, World } from './world.ts'

/*
 * The first object of a quiet time has a run of its own, at once. Those that come while that is under way wait for its end, and then
 * share a run. Where several shared the last one, more are to be expected: the first to come waits as long as its trigger lets
 * it, and then takes all that came meanwhile. So a lone file is not slower, and a job begins about one run in that time. An arrival is a fact of the ledger before anything else happens, and belongs to the run that claims it
 * in the transaction of its row; two who begin at once want the same number, and one of them gets it.
 */

/** Whose ledger, and with what. */
export interface GatherContext {
  readonly world: World
  readonly sql: Sql
  readonly address: PostgresConnection
  readonly deadline: Deadline
}

/** An arrival whose row committed late was given its time before it. */
const lateCommitMs = 10 * 60_000
/** That of nearly all is there within this time. */
const soonCommitMs = 10_000
/** One look at what waits; what is left is found by the next. */
const arrivalsPerLook = 50_000

/** So many waits without another run of several, and the next object is taken for the first of a quiet time. */
const burstEndsAfterWaits = 5

/** Nothing speaks for waiting for others. */
export const isQuiet = (last: ledger.Gathering | null, { waitMs }: Gather, now: Date): boolean =>
  last === null ||
  (!last.open && (last.objects === 1 || now.getTime() - last.at.getTime() >= burstEndsAfterWaits * waitMs))

export const sinceOf = (last: ledger.Gathering | null): Date => (last === null ? new Date(0) : recently(last.at))

/** For one who looks every second: in a burst, ten minutes are ten thousand arrivals that have been claimed. */
export const soonSinceOf = (last: ledger.Gathering | null): Date =>
  new Date(last === null ? 0 : last.at.getTime() - soonCommitMs)

/** Whoever waits since longer than before this has been left behind: that one leads nobody. */
export const recently = (at: Date): Date => new Date(at.getTime() - lateCommitMs)

export interface Turn {
  /** How far back to look. */
  readonly sinceFor?: typeof sinceOf
  /** Whose time has come. Once it belongs to a run, those that came after it have their own time; null: all that waits is taken. */
  readonly dueFor?: RunId | null
}

/**
 * Begins runs with all that waits, whether or not one is under way.
 * @returns how many were begun; none where somebody else was faster, whose turn what is left is then
 */
export async function gatherArrivals(
  context: GatherContext,
  job: JobName,
  { sinceFor = sinceOf, dueFor = null }: Turn = {},
): Promise<number> {
  const last = await ledger.readLastGathering(context.sql, job)
  const waiting = await ledger.listWaitingArrivals(context.sql, job, sinceFor(last), arrivalsPerLook)
  if (dueFor !== null && !waiting.some(({ arrivalId }) => arrivalId === dueFor)) return 0
  const first = (last?.sequence ?? -1) + 1
  let begun = 0
  for (const batch of await batchesOf(context, waiting)) {
    if (!(await beginRun(context, job, batch, first + begun))) break
    begun += 1
  }
  return begun
}

/** Of the last run of arrivals, whose beginner may have died before it sent the plan. */
export async function sendLastPlan(context: GatherContext, job: JobName): Promise<void> {
  const { world, sql, address, deadline } = context
  const last = await ledger.readLastGathering(sql, job)
  if (last?.open) await sendPlan(await openRun(world, sql, { address, runId: last.runId }, deadline))
}

interface Batch extends Gathered {
  readonly arrivals: readonly [ledger.Arrival, ...ledger.Arrival[]]
}

/** In the order of arrival, of one shape each, and no larger than it says. */
async function batchesOf({ sql }: GatherContext, waiting: readonly ledger.Arrival[]): Promise<Batch[]> {
  const byShape = new Map<string, ledger.Arrival[]>()
  for (const arrival of waiting) {
    const shape = arrival.shape ?? arrival.arrivalId
    const those = byShape.get(shape)
    if (those === undefined) byShape.set(shape, [arrival])
    else those.push(arrival)
  }
  const batches: Batch[] = []
  for (const [shape, arrivals] of byShape) {
    const [{ job } = { job: null }] = arrivals
    const kept = job === null ? null : await ledger.readShape(sql, job, shape)
    if (kept === null) continue
    const gathered = Gathered.parse(JSON.parse(kept))
    batches.push(...inBatches(arrivals, gathered.gather).map((some) => ({ ...gathered, arrivals: some })))
  }
  return batches
}

function inBatches(
  arrivals: readonly ledger.Arrival[],
  { maxFiles, maxBytes }: Gathered['gather'],
): [ledger.Arrival, ...ledger.Arrival[]][] {
  const batches: [ledger.Arrival, ...ledger.Arrival[]][] = []
  let bytes = 0
  for (const arrival of arrivals) {
    const batch = batches.at(-1)
    bytes += arrival.size
    if (batch !== undefined && batch.length < maxFiles && bytes <= maxBytes) batch.push(arrival)
    else {
      batches.push([arrival])
      bytes = arrival.size
    }
  }
  return batches
}

/** @returns false when somebody else has begun one with this number, or with one of these */
async function beginRun(context: GatherContext, job: JobName, batch: Batch, sequence: number): Promise<boolean> {
  const { world, sql, address, deadline } = context
  const { arrivals } = batch
  const [first] = arrivals
  const { bucket, key, etag, size } = first
  const runKey = arrivals.length === 1 ? runKeyOfObject(job, bucket, key, etag) : runKeyOfGathering(job, sequence)
  const trigger: ledger.TriggerFact =
    arrivals.length === 1
      ? { type: 'object', bucket, key, etag, size }
      : { type: 'objects', bucket, objects: arrivals.length }
  const runId = runIdOf(runKey)
  const spec = await specFor(world, batch, first)
  const at = world.clock.now()
  try {
    await sql.transaction(async () => {
      await ledger.insertGathering(sql, { job, sequence, runId, objects: arrivals.length, at })
      await ledger.insertArrivalClaims(
        sql,
        runId,
        arrivals.map(({ arrivalId }) => arrivalId),
      )
      await ledger.insertRunWith(sql, { runId, runKey, job, spec, trigger, requestedAt: at })
    })
  } catch (error) {
    if (!ledger.isDuplicate(error)) throw error
    return false
  }
  world.reach('start/after-run-row')
  const run = await openRun(world, sql, { address, runId }, deadline)
  await sendPlan(run)
  run.log.info('run started', { runKey, objects: arrivals.length })
  return true
}

/** Each object that a run had to go on without gets a run of its own, which tells what is wrong with it. */
export async function startSetAside(context: GatherContext, those: readonly ledger.Arrival[]): Promise<void> {
  const { world, sql, address, deadline } = context
  for (const { arrivalId, job, bucket, key, etag, size, shape } of those) {
    const kept = shape === null ? null : await ledger.readShape(sql, job, shape)
    if (kept === null) continue
    const spec = await specFor(world, Gathered.parse(JSON.parse(kept)), { bucket, key })
    const trigger = { type: 'object', bucket, key, etag, size } as const
    const runKey = runKeyOfObject(job, bucket, key, etag)
    const requestedAt = world.clock.now()
    await ledger.insertRun(sql, { runId: arrivalId, runKey, job, spec, trigger, requestedAt, cycle: null })
    await sendPlan(await openRun(world, sql, { address, runId: arrivalId }, deadline))
  }
}

/** So far back a tick looks for arrivals that wait. */
const lookBackMs = 2 * 24 * 3_600_000

/** What a function that died has left waiting. @returns the number of runs begun */
export async function gatherLeftBehind(context: GatherContext): Promise<number> {
  const { world, sql } = context
  const now = world.clock.now().getTime()
  const since = new Date(now - lookBackMs)
  await startSetAside(context, await ledger.listSetAside(sql, null, since))
  let begun = 0
  for (const job of await ledger.listJobsOfArrivals(sql, since)) {
    const last = await ledger.readLastGathering(sql, job)
    const [oldest] = await ledger.listWaitingArrivals(sql, job, sinceOf(last), 1)
    if (oldest === undefined) continue
    if (last?.open && now - oldest.arrivedAt.getTime() < world.settings.leaseMs) continue
    begun += await gatherArrivals(context, job)
  }
  return begun
}
