import { policyOf, runKeyOfSchedule } from '../job/index.ts'
import { lastTimeBetween, timesBetween } from '../schedule/index.ts'
import type { TimerEvent } from './events.ts'
import { businessDateOf, type NamedTimetable, timetablesOf, waitsOfCycle } from './job-cycles.ts'
import { type DatedJob, loadDatedJobs, resolveDocument } from './jobs.ts'
import { startRun } from './start-run.ts'
import { type Tally, tallyEach } from './tally.ts'
import { readTickMarks, type TickMarks, writeTickMarks } from './tick-marks.ts'
import { reportUnwatched } from './unwatched-jobs.ts'
import type { Deadline, World } from './world.ts'

interface DueRun {
  readonly dated: DatedJob
  readonly trigger: NamedTimetable
  readonly at: Date
}

/** What is due of a job, and up to when it has been looked at. */
interface DueRuns {
  readonly job: string
  readonly due: readonly DueRun[]
  readonly mark: Date
}

/** Starts the cycles whose time has come: those of a higher priority first, then the older. */
export async function startDue(world: World, event: TimerEvent, deadline: Deadline): Promise<Tally> {
  const until = new Date(event.triggerTime)
  const jobs = await loadDatedJobs(world)
  await reportUnwatched(world, jobs)
  const marks = await readTickMarks(world.store)
  const found = jobs.map((dated) => dueRunsOf(world, dated, marks[dated.job.name] ?? null, until))
  const due = found.flatMap((one) => one.due).sort(byPriority)
  const failed = new Set<string>()
  const tally = await tallyEach(world, due, async (run) => {
    try {
      return await startDueRun(world, run, jobs, deadline)
    } catch (thrown) {
      failed.add(run.dated.job.name)
      throw thrown
    }
  })
  await keepMarks(world, marks, found, failed)
  return tally
}

function byPriority(a: DueRun, b: DueRun): number {
  const [first, second] = [policyOf(a.dated.job).priority, policyOf(b.dated.job).priority]
  return second - first || a.at.getTime() - b.at.getTime()
}

/**
 * Looks back, because a tick may be late or lost; the run's key makes a second start harmless. What is older than that was
 * missed while nothing ran, and the policy of the job decides about it.
 */
function dueRunsOf(world: World, dated: DatedJob, seen: Date | null, until: Date): DueRuns {
  const { job, savedAt } = dated
  const policy = policyOf(job)
  if (policy.mode === 'paused') return { job: job.name, due: [], mark: until }
  const lookedBack = new Date(Math.max(until.getTime() - world.settings.scheduleLookbackMs, savedAt.getTime()))
  const missedFrom = new Date(
    Math.max(Math.min(seen?.getTime() ?? Number.POSITIVE_INFINITY, lookedBack.getTime()), savedAt.getTime()),
  )
  let mark = until
  const due = timetablesOf(job).flatMap((trigger) => {
    const missed = missedTimes(trigger, policy.missed, missedFrom, lookedBack)
    // The first thousand; the next tick goes on from there.
    const last = missed.at(-1)
    if (missed.length >= mostAtOnce && last !== undefined && last < mark) mark = last
    const recent = timesBetween(trigger.table, lookedBack, until)
    return [...missed, ...recent].map((at) => ({ dated, trigger, at }))
  })
  return { job: job.name, due, mark }
}

/** As many as `dueTimes` gives at most. */
const mostAtOnce = 1000

function missedTimes({ table }: NamedTimetable, policy: 'skip' | 'last' | 'all', from: Date, until: Date): Date[] {
  if (policy === 'skip' || from >= until) return []
  if (policy === 'all') return timesBetween(table, from, until)
  const last = lastTimeBetween(table, from, until)
  return last === null ? [] : [last]
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

/** Marks are kept every few minutes only, since each costs a request; those of a job in trouble stay where they are. */
async function keepMarks(
  world: World,
  before: TickMarks,
  found: readonly DueRuns[],
  failed: ReadonlySet<string>,
): Promise<void> {
  const oldest = world.settings.scheduleLookbackMs / 2
  const isStale = ({ job, mark }: DueRuns) => mark.getTime() - (before[job]?.getTime() ?? 0) >= oldest
  if (!found.some((one) => !failed.has(one.job) && isStale(one))) return
  const entries = found.flatMap(({ job, mark }): [string, Date][] => {
    const kept = failed.has(job) ? before[job] : mark
    return kept === undefined ? [] : [[job, kept]]
  })
  await writeTickMarks(world.store, Object.fromEntries(entries))
}
