import { policyOf, runKeyOfSchedule } from '../job/index.ts'
import { type DueQueue, type DueRun, dueOf, inTurns, onTime } from './due-runs.ts'
import type { TimerEvent } from './events.ts'
import { businessDateOf, waitsOfCycle } from './job-cycles.ts'
import { type DatedJob, loadDatedJobs, resolveDocument } from './jobs.ts'
import { startRun } from './start-run.ts'
import { type Tally, tallyEach } from './tally.ts'
import { readTickMarks, type TickMarks, writeTickMarks } from './tick-marks.ts'
import type { Deadline, World } from './world.ts'

/** What one tick has found due, and what has become of it so far. */
export interface DueWork {
  readonly jobs: readonly DatedJob[]
  readonly queues: readonly DueQueue[]
  readonly marks: TickMarks
  readonly started: Set<DueRun>
  /** Jobs of which a cycle could not be started: those after it are left to the next tick. */
  readonly failed: Set<string>
}

export async function findDue(world: World, event: TimerEvent): Promise<DueWork> {
  const until = new Date(event.triggerTime)
  const jobs = await loadDatedJobs(world)
  const marks = await readTickMarks(world.store)
  const { scheduleLookbackMs } = world.settings
  const queues = jobs.map((dated) => dueOf(dated, marks[dated.job.name] ?? null, until, scheduleLookbackMs))
  return { jobs, queues, marks, started: new Set(), failed: new Set() }
}

export const startOnTime = (world: World, work: DueWork, deadline: Deadline): Promise<Tally> =>
  startEach(world, work, onTime(work.queues), deadline, deadline.softAt)

/** What was missed, for as long as the next tick is not kept waiting; that one goes on with it. */
const missedForMs = 30_000

export function startMissed(world: World, work: DueWork, deadline: Deadline): Promise<Tally> {
  const endAtMs = Math.min(deadline.softAt.getTime(), world.clock.now().getTime() + missedForMs)
  return startEach(world, work, inTurns(work.queues), deadline, new Date(endAtMs))
}

function startEach(
  world: World,
  { jobs, started, failed }: DueWork,
  runs: readonly DueRun[],
  deadline: Deadline,
  endAt: Date,
): Promise<Tally> {
  return tallyEach(world, runs, async (run) => {
    const { name } = run.dated.job
    // In their order, or not at all: a cycle may depend on the one before.
    if (failed.has(name) || world.clock.now() >= endAt) return 0
    try {
      const begun = await startDueRun(world, run, jobs, deadline)
      started.add(run)
      return begun
    } catch (thrown) {
      failed.add(name)
      throw thrown
    }
  })
}

async function startDueRun(
  world: World,
  { dated, trigger: { name, table }, at }: DueRun,
  jobs: readonly DatedJob[],
  deadline: Deadline,
): Promise<number> {
  const { job, parsed } = dated
  const { timeZone } = table.item
  const policy = policyOf(job)
  const trigger = { type: 'schedule', scheduledAt: at.toISOString() } as const
  const spec = await resolveDocument(world, parsed, { trigger, scheduledAt: at, timeZone })
  const findJob = async (wanted: string) => jobs.find((one) => one.job.name === wanted)?.job ?? null
  const waits = await waitsOfCycle(job, policy, { at, timeZone }, findJob)
  const cycle = { scheduledAt: at, businessDate: businessDateOf({ at, timeZone }), policy, waits }
  const runKey = runKeyOfSchedule(job.name, name, trigger.scheduledAt)
  const { outcome } = await startRun(world, { runKey, spec, trigger, cycle }, deadline)
  return outcome === 'started' ? 1 : 0
}

/**
 * A time that was not started is looked at again. On time marks are written every few minutes only, since each costs a
 * request; with something missed at once, so that the next tick does not begin with what is started already.
 */
export async function keepMarks(world: World, { queues, marks: before, started }: DueWork): Promise<void> {
  const marks = queues.map((queue) => [queue.job, lookedUntil(queue, started)] as const)
  const oldestMs = world.settings.scheduleLookbackMs / 2
  const isStale = marks.some(([job, mark]) => mark.getTime() - (before[job]?.getTime() ?? 0) >= oldestMs)
  const isMoved = queues.some(({ isLate, runs }) => isLate && runs.some((run) => started.has(run)))
  if (isStale || isMoved) await writeTickMarks(world.store, Object.fromEntries(marks))
}

/** Windows begin after their first moment, so the mark lies just before the first time that is left. */
function lookedUntil({ runs, until }: DueQueue, started: ReadonlySet<DueRun>): Date {
  const left = runs.find((run) => !started.has(run))
  return left === undefined ? until : new Date(left.at.getTime() - 1)
}
