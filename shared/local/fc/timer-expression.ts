import { TransferError } from '../../errors/index.ts'
import { cronFault, dueTimes, parseCron } from '../../schedule/index.ts'

/** The times of a timer that are due after one instant and up to another, in order. */
export type DueTimes = (after: Date, until: Date) => Date[]

/**
 * Six fields with seconds first, in UTC or after `CRON_TZ=Zone`; or `@every 5m`, counted from the start of the server.
 * @throws platform/misconfigured for what the cloud would refuse
 */
export function parseTimer(expression: string, startedAt: number): DueTimes {
  const [, count, unit] = /^@every ([1-9]\d{0,4})([mh])$/.exec(expression) ?? []
  if (count !== undefined) return everyTimes(startedAt, Number(count) * (unit === 'h' ? 3_600_000 : 60_000))
  const isSixFields = /^(?:CRON_TZ=\S+ )?(?:\S+ ){5}\S+$/.test(expression)
  const fault = isSixFields
    ? cronFault(expression, 'UTC')
    : 'write six fields, seconds first, or "@every 5m" in whole minutes or hours'
  if (fault !== null) {
    const message = `the timer expression "${expression}" is not one: ${fault}`
    throw new TransferError('platform/misconfigured', message, { expression })
  }
  const item = parseCron(expression, 'UTC')
  return (after, until) => dueTimes(item, after, until)
}

function everyTimes(startedAt: number, everyMs: number): DueTimes {
  return (after, until) => {
    const due: Date[] = []
    const past = Math.max(0, Math.floor((after.getTime() - startedAt) / everyMs))
    for (let at = startedAt + (past + 1) * everyMs; at <= until.getTime(); at += everyMs) due.push(new Date(at))
    return due
  }
}
