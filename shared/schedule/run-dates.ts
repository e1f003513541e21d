import { dayMs, dayOf, secondMs, startOfDay, type WallTime, wallTimeOf } from './wall-clock.ts'

/** The two times that DataWorks' parameters are made from (dataworks-datax.md §5.1). Both stay what they are however late a run begins. */
export interface RunDates {
  /** `$bizdate` and `${…}`: the day before the scheduled one, at midnight. */
  readonly business: WallTime
  /** `$cyctime` and `$[…]`: the scheduled time on the clocks of the job's zone. */
  readonly scheduled: WallTime
}

export function runDatesOf(scheduledAt: Date, timeZone: string): RunDates {
  const scheduled = wallTimeOf(scheduledAt, timeZone)
  return { business: startOfDay(scheduled) - dayMs, scheduled }
}

/** `20261123`; null when it is no day. */
export function readDay(text: string): WallTime | null {
  const [, year, month, day] = (/^(\d{4})(\d\d)(\d\d)$/.exec(text) ?? []).map(Number)
  if (year === undefined || month === undefined || day === undefined || year === 0) return null
  const wall = dayOf(year, month - 1, day)
  return writeDay(wall) === text ? wall : null
}

/** `20261124050000`; null when it is no time. */
export function readScheduledTime(text: string): WallTime | null {
  const day = readDay(text.slice(0, 8))
  const [, hours, minutes, seconds] = (/^\d{8}([01]\d|2[0-3])([0-5]\d)([0-5]\d)$/.exec(text) ?? []).map(Number)
  if (day === null || hours === undefined || minutes === undefined || seconds === undefined) return null
  return day + ((hours * 60 + minutes) * 60 + seconds) * secondMs
}

/** `2026-11-24` or `2026-11-24 05:00:00`; null when it is neither. */
export function readLocalTime(text: string): WallTime | null {
  const [, day = '', clock = '00:00:00'] = /^(\d{4}-\d\d-\d\d)(?: (\d\d:\d\d:\d\d))?$/.exec(text) ?? []
  return readScheduledTime(`${day}${clock}`.replaceAll(/[-:]/g, ''))
}

/** `20261123`, the form in which people name a business date. */
export const writeDay = (wall: WallTime): string => new Date(wall).toISOString().slice(0, 10).replaceAll('-', '')
