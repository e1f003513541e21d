import type { JobSpec } from './document.ts'
import { type Fault, faultAt, type Path, shownValue } from './fault.ts'
import type { Parameters } from './inline-connection.ts'

type Settings = JobSpec['settings']

/** The front end of DataWorks proposes 3 (dataworks-datax.md §1.1); DataX fails without any speed. */
const defaultConcurrent = 3
const maxConcurrent = 100

const partOf = (value: unknown): Parameters =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Parameters) : {}

/** `setting.speed` and `setting.errorLimit` of either format. */
export function settingsOf(setting: Parameters, path: Path, faults: Fault[]): Settings {
  const speed = partOf(setting.speed)
  const errorLimit = partOf(setting.errorLimit)
  const at = (...steps: string[]) => [...path, ...steps]
  const number = (value: unknown, where: Path, min: number, max: number): number | null => {
    if (value === undefined || value === null || value === '') return null
    const parsed = typeof value === 'number' || typeof value === 'string' ? Number(value) : Number.NaN
    if (Number.isFinite(parsed) && parsed >= min && parsed <= max) return parsed
    faults.push(faultAt(where, `must be a number from ${min} to ${max}, got ${shownValue(where, value)}`))
    return null
  }
  const concurrent = number(
    speed.concurrent ?? speed.channel,
    at('speed', speed.concurrent === undefined ? 'channel' : 'concurrent'),
    1,
    maxConcurrent,
  )
  refuseCaps(speed, at('speed'), faults)
  return {
    concurrent: Math.floor(concurrent ?? defaultConcurrent),
    errorLimit: {
      record:
        strategyLimit(errorLimit.strategy) ??
        floored(number(errorLimit.record, at('errorLimit', 'record'), 0, Number.MAX_SAFE_INTEGER)),
      percentage: number(errorLimit.percentage, at('errorLimit', 'percentage'), 0, 1),
    },
    mbps: null,
  }
}

const floored = (value: number | null) => (value === null ? null : Math.floor(value))
const strategyLimit = (strategy: unknown): number | null => (strategy === 'ZeroTolerance' ? 0 : null)

/** A cap that is not kept would be worse than none: the script is refused until it is. */
function refuseCaps(speed: Parameters, path: Path, faults: Fault[]): void {
  const isSet = (value: unknown) => value !== undefined && value !== '' && Number(value) > 0
  const throttled = speed.throttle === true || speed.throttle === 'true'
  if (throttled)
    faults.push(faultAt([...path, 'throttle'], 'a rate cap is not supported so far; set throttle to false'))
  for (const name of ['byte', 'record']) {
    if (isSet(speed[name]))
      faults.push(faultAt([...path, name], 'a rate cap is not supported so far; remove it or set it to -1'))
  }
}
