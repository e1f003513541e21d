import { offsetReader, zonePeriods } from './zone-periods.ts'

/**
 * What a clock on the wall shows, as the milliseconds at which UTC shows the same. Arithmetic on it is that of a calendar:
 * it knows no zone, so a change of clocks moves nothing, and may give a time that the zone's clocks skip.
 */
export type WallTime = number

export const secondMs = 1000
export const dayMs = 86_400_000

/** The clocks of a zone, for many times. To the second: clocks on the wall show no more. */
export function wallClockOf(timeZone: string): (at: Date) => WallTime {
  const offsetAt = offsetReader(timeZone)
  return (at) => {
    const second = Math.floor(at.getTime() / secondMs) * secondMs
    return second + offsetAt(second)
  }
}

export const wallTimeOf = (at: Date, timeZone: string): WallTime => wallClockOf(timeZone)(at)

/** The instant at which the clocks of a zone show a time: the first of two, and the end of the gap for one that they skip. */
export function instantOf(wall: WallTime, timeZone: string): Date {
  for (const { start, end, offsetMs } of zonePeriods(timeZone, wall - dayMs, wall + dayMs)) {
    if (wall - offsetMs <= end) return new Date(Math.max(wall - offsetMs, start))
  }
  return new Date(wall)
}

/** The midnight with which a day begins. `month` counts from 0 and may lie outside the year, `day` outside the month. */
export function dayOf(year: number, month: number, day: number): WallTime {
  // Not Date.UTC, which takes the years 0 to 99 for those of the last century.
  return new Date(0).setUTCFullYear(year, month, day)
}

export const startOfDay = (wall: WallTime): WallTime => Math.floor(wall / dayMs) * dayMs

/**
 * Oracle's ADD_MONTHS, which DataWorks' grammar follows (dataworks-datax.md §5.2): the last day of a month stays one, and a
 * day that the other month lacks becomes its last.
 */
export function addMonths(wall: WallTime, months: number): WallTime {
  const date = new Date(wall)
  const [year, month, day] = [date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate()]
  const last = lastDayOf(year, month)
  const otherLast = lastDayOf(year, month + months)
  return dayOf(year, month + months, day === last ? otherLast : Math.min(day, otherLast)) + (wall - startOfDay(wall))
}

const lastDayOf = (year: number, month: number): number => new Date(dayOf(year, month + 1, 0)).getUTCDate()
