import { Cron } from 'croner'
import { TransferError } from '../errors/index.ts'
import { type CronFields, readCronText } from './cron-text.ts'
import { isTimeZone, type ZonePeriod, zonePeriods } from './zone-periods.ts'

export interface CronItem {
  readonly fields: CronFields
  readonly timeZone: string
}

/**
 * Six fields with seconds first, as Function Compute writes them, or five. A `CRON_TZ=` prefix wins over `timeZone`.
 * Weekdays: 0 or 7 is Sunday.
 * @throws job/invalid with the expression and what is wrong
 */
export function parseCron(expression: string, timeZone: string): CronItem {
  const fault = cronFault(expression, timeZone)
  const text = readCronText(expression)
  if (fault === null && typeof text !== 'string') return { fields: text.fields, timeZone: text.timeZone ?? timeZone }
  throw new TransferError(
    'job/invalid',
    `schedule "${expression.slice(0, 100)}" in ${timeZone.slice(0, 100)}: ${fault}`,
    {
      expression: expression.slice(0, 100),
      timeZone: timeZone.slice(0, 100),
    },
  )
}

/** The zone whose clocks a valid schedule goes by. */
export function zoneOfCron(expression: string, timeZone: string): string {
  const text = readCronText(expression)
  return typeof text === 'string' ? timeZone : (text.timeZone ?? timeZone)
}

/** What is wrong with a schedule, in a sentence; null when it is one and will be due some day. */
export function cronFault(expression: string, timeZone: string): string | null {
  const text = readCronText(expression)
  if (typeof text === 'string') return text
  if (!isTimeZone(text.timeZone ?? timeZone))
    return 'the time zone is not known; write a name such as Asia/Shanghai or UTC'
  try {
    const next = matcherOf(text.fields).nextRun(new Date('2024-01-01T00:00:00Z'))
    return next === null ? 'no day of any year matches' : null
  } catch (thrown) {
    const message = thrown instanceof Error ? thrown.message : String(thrown)
    return message.replace(/^CronPattern: /, '')
  }
}

/** Matches wall clocks, taken for UTC: the zone's own shifts are `dueTimes`' business. */
const matcherOf = (fields: CronFields) => new Cron(fields.join(' '), { timezone: 'UTC', paused: true })

/** A schedule by the minute over a long outage would start a flood; more than this at once is a mistake. */
const maxDue = 1000
const dayMs = 86_400_000

/**
 * The times after `after` and up to `until` at which the item is due, in order, at most the first thousand, or `max`, of those
 * that `counts` takes. Cutting a window in two never adds or loses a time.
 *
 * When clocks change, a schedule of every hour (`*`, `0-23`) follows the clock through every hour there is; one with hours of
 * its own is due once a day all the same: a time that is skipped counts at the end of the gap, one that comes twice the
 * first time.
 */
export function dueTimes(
  item: CronItem,
  after: Date,
  until: Date,
  { counts = () => true, max = maxDue }: { counts?: (at: Date) => boolean; max?: number } = {},
): Date[] {
  const due: Date[] = []
  for (const instant of allDue(item, after.getTime(), until.getTime())) {
    const at = new Date(instant)
    if (counts(at)) due.push(at)
    if (due.length === max) break
  }
  return due
}

function* allDue({ fields, timeZone }: CronItem, after: number, until: number): Iterable<number> {
  const matcher = matcherOf(fields)
  const keepsHours = !isEveryHour(fields[2])
  let last = after
  // A day more, because what is due may depend on the change of clocks before it.
  for (const period of zonePeriods(timeZone, after - dayMs, until)) {
    for (const at of dueIn(matcher, period, keepsHours, Math.max(after, period.start - 1))) {
      if (at <= last) continue
      last = at
      yield at
    }
  }
}

/** DataWorks writes `00 0/30 00-23 * * ?` for every half hour. */
const isEveryHour = (hour: string) => /^(\*|0*0-23)(\/0*1)?$/.test(hour)

/** Wall times that match within a period of one offset, as instants. */
function* dueIn(matcher: Cron, period: ZonePeriod, keepsHours: boolean, after: number): Iterable<number> {
  const { start, end, offsetMs, previousOffsetMs } = period
  const shiftMs = offsetMs - (previousOffsetMs ?? offsetMs)
  const gapIsDue = keepsHours && shiftMs > 0 && hasMatch(matcher, start + offsetMs - shiftMs, start + offsetMs)
  if (gapIsDue) yield start
  const repeatedUntil = keepsHours && shiftMs < 0 ? start - shiftMs : start
  const from = Math.max(after, repeatedUntil - 1)
  for (let next = matcher.nextRun(new Date(from + offsetMs)); next !== null; next = matcher.nextRun(next)) {
    const at = next.getTime() - offsetMs
    if (at > end) return
    yield at
  }
}

function hasMatch(matcher: Cron, start: number, end: number): boolean {
  const next = matcher.nextRun(new Date(start - 1))
  return next !== null && next.getTime() < end
}
