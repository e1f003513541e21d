import { policyOf } from '../job/index.ts'
import { lastTimeBetween, timesBetween } from '../schedule/index.ts'
import { type NamedTimetable, timetablesOf } from './job-cycles.ts'
import type { DatedJob } from './jobs.ts'

export interface DueRun {
  readonly dated: DatedJob
  readonly trigger: NamedTimetable
  readonly at: Date
}

/** What is due of one job, the oldest first: in this order, as a cycle may depend on the one before. */
export interface DueQueue {
  readonly job: string
  readonly runs: readonly DueRun[]
  /** Some of it was missed while nothing ran: it waits for what is due on time. */
  readonly isLate: boolean
  /** Up to here the schedules have been looked at once all of it is started. */
  readonly until: Date
}

/**
 * Looks back, because a tick may be late or lost; the run's key makes a second start harmless. What is older than that was
 * missed while nothing ran, and the policy of the job decides about it. Pure.
 * @param seen up to which time a tick has looked at the job; null when none ever did
 */
export function dueOf(dated: DatedJob, seen: Date | null, until: Date, lookbackMs: number): DueQueue {
  const { job, savedAt } = dated
  const policy = policyOf(job)
  if (policy.mode === 'paused') return { job: job.name, runs: [], isLate: false, until }
  const lookedBack = latest(new Date(until.getTime() - lookbackMs), savedAt)
  const missedFrom = latest(earliest(seen ?? lookedBack, lookedBack), savedAt)
  const tables = timetablesOf(job).map((trigger) => {
    const missed = missedTimes(trigger, policy.missed, missedFrom, lookedBack)
    const recent = timesBetween(trigger.table, lookedBack, until)
    return { trigger, missed, times: [...missed, ...recent] }
  })
  // A time beyond the first thousand of any schedule waits for the next tick, and with it what comes after.
  const cut = tables
    .flatMap(({ missed }) => (missed.length < mostTimes ? [] : missed.slice(-1)))
    .reduce(earliest, until)
  const runs = tables
    .flatMap(({ trigger, times }) => times.map((at) => ({ dated, trigger, at })))
    .filter(({ at }) => at <= cut)
    .sort((a, b) => a.at.getTime() - b.at.getTime())
  return { job: job.name, runs, isLate: tables.some(({ missed }) => missed.length > 0), until: cut }
}

/** As many as `timesBetween` gives at most. */
const mostTimes = 1000

const earliest = (a: Date, b: Date) => (a < b ? a : b)
const latest = (a: Date, b: Date) => (a > b ? a : b)

function missedTimes({ table }: NamedTimetable, policy: 'skip' | 'last' | 'all', from: Date, until: Date): Date[] {
  if (policy === 'skip' || from >= until) return []
  if (policy === 'all') return timesBetween(table, from, until)
  const last = lastTimeBetween(table, from, until)
  return last === null ? [] : [last]
}

/** Those of a higher priority first, then the older. */
export const onTime = (queues: readonly DueQueue[]): DueRun[] =>
  queues
    .filter(({ isLate }) => !isLate)
    .flatMap(({ runs }) => runs)
    .sort(byPriority)

/** One of each job in turn, so that a job with a thousand of them does not come before one with two. */
export function inTurns(queues: readonly DueQueue[]): DueRun[] {
  const late = queues.filter(({ isLate }) => isLate)
  const longest = Math.max(0, ...late.map(({ runs }) => runs.length))
  return Array.from({ length: longest }, (_, turn) =>
    late.flatMap(({ runs }) => runs.slice(turn, turn + 1)).sort(byPriority),
  ).flat()
}

function byPriority(a: DueRun, b: DueRun): number {
  const [first, second] = [policyOf(a.dated.job).priority, policyOf(b.dated.job).priority]
  return second - first || a.at.getTime() - b.at.getTime()
}
