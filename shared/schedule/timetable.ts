import { type CronItem, dueTimes, parseCron } from './cron.ts'
import { readLocalTime } from './run-dates.ts'
import { dayMs, startOfDay, type WallTime, wallClockOf } from './wall-clock.ts'

/** A schedule and the time in which it counts. */
export interface Timetable {
  readonly item: CronItem
  /** On the clocks of the zone; both ends belong to it. null: no end. */
  readonly from: WallTime | null
  readonly until: WallTime | null
}

/** @throws job/invalid when the schedule is none */
export function timetableOf(schedule: {
  readonly cron: string
  readonly timeZone: string
  readonly from?: string | undefined
  readonly until?: string | undefined
}): Timetable {
  const { cron, timeZone, from, until } = schedule
  const end = until === undefined ? null : readLocalTime(until)
  return {
    item: parseCron(cron, timeZone),
    from: from === undefined ? null : readLocalTime(from),
    // A day alone is meant whole.
    until: end === null || until?.includes(':') ? end : end + dayMs - 1,
  }
}

/** No zone is further from UTC than this. */
const farthestMs = 15 * 3_600_000

/** As `dueTimes`, within the time in which the schedule counts. */
export function timesBetween(table: Timetable, after: Date, end: Date): Date[] {
  const { item, from, until } = table
  const start = new Date(Math.max(after.getTime(), (from ?? -Infinity) - farthestMs))
  const stop = new Date(Math.min(end.getTime(), (until ?? Infinity) + farthestMs))
  const wallTime = wallClockOf(item.timeZone)
  return dueTimes(item, start, stop, { counts: (at) => isWithin(table, wallTime(at)) })
}

const isWithin = ({ from, until }: Timetable, wall: WallTime): boolean =>
  (from === null || wall >= from) && (until === null || wall <= until)

/** The last time of the window; null when there is none. Looks back by steps that grow, because a window may hold years of minutes. */
export function lastTimeBetween(table: Timetable, after: Date, end: Date): Date | null {
  for (let spanMs = dayMs / 2; ; spanMs *= 2) {
    const start = new Date(Math.max(after.getTime(), end.getTime() - spanMs))
    const last = timesBetween(table, start, end).at(-1)
    if (last !== undefined || start.getTime() === after.getTime()) return last ?? null
  }
}

/** Every second of a day: a day is never cut short, or jobs would wait for the wrong cycles of it. */
const maxOfDay = 90_000

/** The times whose business date is the given day: those of the day after, on the clocks of the zone. */
export function timesOfBusinessDate(table: Timetable, business: WallTime): Date[] {
  const day = business + dayMs
  const window = [new Date(day - farthestMs - 1), new Date(day + dayMs + farthestMs)] as const
  const wallTime = wallClockOf(table.item.timeZone)
  const counts = (at: Date) => {
    const wall = wallTime(at)
    return startOfDay(wall) === day && isWithin(table, wall)
  }
  return dueTimes(table.item, ...window, { counts, max: maxOfDay })
}

/**
 * Which runs of another job a run waits for, of all those of its business date (dataworks-datax.md §5.3): one that runs once
 * a day waits for all of them; one that runs oftener for those since its own run before, or else the nearest.
 */
export function awaitedTimes(own: Date, ownDay: readonly Date[], otherDay: readonly Date[]): Date[] {
  if (ownDay.length <= 1) return [...otherDay]
  const before = ownDay.filter((at) => at < own).at(-1)
  const since = otherDay.filter((at) => at <= own && (before === undefined || at > before))
  if (since.length > 0) return since
  const nearest = otherDay.filter((at) => at <= own).at(-1) ?? otherDay[0]
  return nearest === undefined ? [] : [nearest]
}
