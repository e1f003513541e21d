import { TransferError } from '../errors/index.ts'
import { type JobSpec, type ParsedDocument, policyOf, type RunId, runIdOf, runKeyOfBackfill } from '../job/index.ts'
import * as ledger from '../ledger/index.ts'
import type { PostgresConnection } from '../ports/index.ts'
import { dayMs, instantOf, readDay, timesOfBusinessDate, writeDay } from '../schedule/index.ts'
import { ledgerOf } from './ends.ts'
import { incrementalOf } from './increment.ts'
import { timetablesOf } from './job-cycles.ts'
import { resolveDocument, zoneOfJob } from './jobs.ts'
import { startRun } from './start-run.ts'
import type { Deadline, World } from './world.ts'

export interface BackfillRequest {
  readonly parsed: ParsedDocument
  /** First and last business date, yyyymmdd. */
  readonly from: string
  readonly to: string
  /** Business dates at the same time; the runs of one date are not counted. */
  readonly parallel: number
  /** Repeating a backfill of one name starts nothing twice; another name runs the same dates again. */
  readonly name: string
  readonly parameters?: Readonly<Record<string, string>>
  readonly datasources?: Readonly<Record<string, unknown>>
}

export interface BackfillRun {
  readonly runId: RunId
  readonly businessDate: string
  readonly scheduledAt: string
  /** `refused`: the time has succeeded, and the job says that such are not run again. */
  readonly outcome: 'started' | 'existing' | 'refused'
}

export interface StartedBackfill {
  readonly runs: readonly BackfillRun[]
  readonly ledger: PostgresConnection
}

/** More would be a backfill of years of minutes; each is a row, and a look of `tick` once a minute. */
const maxRuns = 1000

/**
 * Makes all runs of a backfill at once. Those of a business date wait until those of the date `parallel` before it have
 * succeeded, so it goes on without whoever started it; one that fails holds up its own line of dates until it is retried.
 * For business date D the scheduled time is that of the schedule on D+1, or midnight where there is none.
 * @throws job/invalid, job/*, connect/*
 */
export async function startBackfill(
  world: World,
  request: BackfillRequest,
  deadline: Deadline,
): Promise<StartedBackfill> {
  const { parsed, from, to, parameters = {} } = request
  const dated = ['bizdate', 'cyctime'].find((name) => Object.hasOwn(parameters, name))
  if (dated !== undefined)
    throw new TransferError('job/invalid', `a backfill gives ${dated} to each of its runs; leave the parameter out`)
  if (policyOf(parsed.document).mode === 'paused')
    throw new TransferError('job/invalid', `job ${parsed.document.name} is paused (schedule.mode)`)
  const plan = planBackfill(request)
  const [first] = plan
  if (first === undefined)
    throw new TransferError(
      'job/invalid',
      `the schedule of the job has no time for the business dates ${from} to ${to}`,
    )
  const ahead = plan.find(({ at }) => at > world.clock.now())
  if (ahead !== undefined) throw liesAhead(ahead)
  const spec = await specOf(world, request, first)
  if ((await incrementalOf(world, spec)) !== null) throw readsByMark(spec.name)
  const address = await ledgerOf(world, spec)
  const refused = await refusedOf(world, address, request, plan, deadline)
  const kept = linesOf(plan.filter((cycle) => !refused.has(cycle)))
  const outcomes = new Map<PlannedCycle, BackfillRun['outcome']>([...refused].map((cycle) => [cycle, 'refused']))
  for (const { cycle, after } of afterEach(kept, request.parallel))
    outcomes.set(cycle, await startOne(world, request, cycle, after, deadline))
  const runs = plan.map((cycle) => ({
    runId: runIdOf(cycle.runKey),
    businessDate: cycle.businessDate,
    scheduledAt: cycle.at.toISOString(),
    outcome: outcomes.get(cycle) ?? 'refused',
  }))
  return { runs, ledger: address }
}

/** A mark knows one line of time, in which the dates of a backfill have been read already. */
const readsByMark = (job: string) =>
  new TransferError(
    'job/unsupported',
    `job ${job} reads incrementally, and its mark has passed the dates of a backfill: take \`incremental\` out and give \`where\` the dates, or go back with \`adbpg-sync watermark ${job} --set <value>\``,
    { job },
  )

const liesAhead = ({ businessDate, at }: PlannedCycle) =>
  new TransferError(
    'job/invalid',
    `${businessDate} has a time that lies in the future (${at.toISOString()}): leave it to the schedule, or run the job with the parameter bizdate=${businessDate}`,
    { businessDate },
  )

/** Business dates with their cycles, in order. */
function linesOf(plan: readonly PlannedCycle[]): PlannedCycle[][] {
  const lines = new Map<string, PlannedCycle[]>()
  for (const cycle of plan) lines.set(cycle.businessDate, [...(lines.get(cycle.businessDate) ?? []), cycle])
  return [...lines.values()]
}

/** Each cycle with those of the date it comes after. */
const afterEach = (lines: readonly PlannedCycle[][], parallel: number) =>
  lines.flatMap((line, index) => line.map((cycle) => ({ cycle, after: lines[index - parallel] ?? [] })))

/** Cycles that the job does not let run again; those of this very backfill are merely there. */
async function refusedOf(
  world: World,
  address: PostgresConnection,
  { parsed }: BackfillRequest,
  plan: readonly PlannedCycle[],
  deadline: Deadline,
): Promise<ReadonlySet<PlannedCycle>> {
  const refused = new Set<PlannedCycle>()
  const { allowed } = policyOf(parsed.document).rerun
  if (allowed === 'always') return refused
  await using sql = await world.connectSql(address, deadline.signal)
  await ledger.migrate(sql, world.clock.now())
  for (const cycle of plan) {
    const state = await ledger.readCycleState(sql, parsed.document.name, cycle.at)
    const isBarred = state === 'succeeded' || (state === 'open' && allowed === 'never')
    if (isBarred && (await ledger.readRun(sql, runIdOf(cycle.runKey))) === null) refused.add(cycle)
  }
  return refused
}

interface PlannedCycle {
  readonly runKey: ReturnType<typeof runKeyOfBackfill>
  readonly businessDate: string
  readonly at: Date
  readonly timeZone: string
}

/** Pure. @throws job/invalid */
export function planBackfill({ parsed, from, to, name }: BackfillRequest): PlannedCycle[] {
  const { document } = parsed
  const [first, last] = [readDay(from), readDay(to)]
  if (first === null || last === null)
    throw new TransferError('job/invalid', `business dates are written as yyyymmdd; got ${from} and ${to}`, {
      from,
      to,
    })
  if (first > last) throw new TransferError('job/invalid', `the backfill ends (${to}) before it begins (${from})`)
  if (!/^[\w-]{1,64}$/.test(name))
    throw new TransferError(
      'job/invalid',
      `a backfill's name has 1 to 64 letters, digits, _ and -; got ${name.slice(0, 80)}`,
    )
  const cycles: PlannedCycle[] = []
  for (let day = first; day <= last; day += dayMs) {
    const times = cyclesOn(document, day)
    for (const { trigger, at, timeZone } of times) {
      const runKey = runKeyOfBackfill(document.name, name, trigger, at.toISOString())
      cycles.push({ runKey, businessDate: writeDay(day), at, timeZone })
    }
    if (cycles.length > maxRuns)
      throw new TransferError('job/invalid', `a backfill makes ${maxRuns} runs at most; take fewer dates at a time`)
  }
  return cycles
}

function cyclesOn(document: ParsedDocument['document'], business: number) {
  const tables = timetablesOf(document)
  const midnight = { timeZone: zoneOfJob(document), trigger: 'day' }
  if (tables.length === 0) return [{ ...midnight, at: instantOf(business + dayMs, midnight.timeZone) }]
  const cycles = tables.flatMap(({ name: trigger, table }) =>
    timesOfBusinessDate(table, business).map((at) => ({ trigger, at, timeZone: table.item.timeZone })),
  )
  return cycles.sort((a, b) => a.at.getTime() - b.at.getTime())
}

async function specOf(world: World, request: BackfillRequest, { at, timeZone }: PlannedCycle): Promise<JobSpec> {
  const { parsed, parameters = {}, datasources = {} } = request
  const trigger = { type: 'schedule' } as const
  return await resolveDocument(world, parsed, { trigger, scheduledAt: at, timeZone, parameters, datasources })
}

async function startOne(
  world: World,
  request: BackfillRequest,
  cycle: PlannedCycle,
  after: readonly PlannedCycle[],
  deadline: Deadline,
): Promise<BackfillRun['outcome']> {
  const { runKey, businessDate, at } = cycle
  const policy = policyOf(request.parsed.document)
  const spec = await specOf(world, request, cycle)
  const trigger = { type: 'backfill', backfill: request.name, businessDate, scheduledAt: at.toISOString() } as const
  const waits = after.map(
    (one): ledger.Wait => ({
      for: 'run',
      runId: runIdOf(one.runKey),
      businessDate: one.businessDate,
    }),
  )
  if (policy.dependsOnPrevious) waits.push({ for: 'previous' })
  const facts = { scheduledAt: at, businessDate, policy, waits }
  return (await startRun(world, { runKey, spec, trigger, cycle: facts }, deadline)).outcome
}
