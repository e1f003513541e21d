import { Cron } from 'croner'
import { TransferError } from '../errors/index.ts'

export interface CronItem {
  readonly expression: string
  readonly timeZone: string
}

/**
 * Six fields with seconds first, as Function Compute writes them, or five.
 * @throws job/invalid with the expression and what is wrong
 */
export function parseCron(expression: string, timeZone: string): CronItem {
  try {
    new Cron(expression, { timezone: timeZone, paused: true }).nextRun()
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new TransferError(
      'job/invalid',
      `schedule "${expression}" in ${timeZone}: ${reason}`,
      { expression, timeZone },
      { cause },
    )
  }
  return { expression, timeZone }
}

/** A schedule by the second over a long outage would start a flood; more than this at once is a mistake. */
const maxDue = 1000

/** The times after `after` and up to `until` at which the item is due, in order. */
export function dueTimes({ expression, timeZone }: CronItem, after: Date, until: Date): Date[] {
  const cron = new Cron(expression, { timezone: timeZone, paused: true })
  const due: Date[] = []
  for (let next = cron.nextRun(after); next !== null && next <= until; next = cron.nextRun(next)) {
    due.push(next)
    if (due.length === maxDue) break
  }
  return due
}
