import { type Fault, faultAt, type Path } from './fault.ts'

/** What started a run, as far as parameters can tell it. */
export type ParameterTrigger =
  | { readonly type: 'client' }
  | { readonly type: 'schedule' }
  | {
      readonly type: 'object'
      readonly bucket: string
      readonly key: string
      readonly etag: string
      readonly size: number
    }

/**
 * Values every run has: `bizdate` (the day before, yyyymmdd) and `cyctime` (yyyymmddhh24miss) in the zone of the job, and
 * for a dropped file `bucket`, `object`, `etag` and `size`. The grammar of date expressions is not here yet.
 */
export function builtInParameters(
  trigger: ParameterTrigger,
  scheduledAt: Date,
  timeZone: string,
): Record<string, string> {
  const stamp = digitsOf(scheduledAt, timeZone)
  const values: Record<string, string> = { bizdate: dayBeforeOf(stamp.slice(0, 8)), cyctime: stamp }
  if (trigger.type === 'object') {
    values.bucket = trigger.bucket
    values.object = trigger.key
    values.etag = trigger.etag
    values.size = String(trigger.size)
  }
  return values
}

function digitsOf(at: Date, timeZone: string): string {
  const parts = new Intl.DateTimeFormat('en-CA', {
    timeZone,
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    hourCycle: 'h23',
  }).formatToParts(at)
  const part = (type: string) => parts.find((one) => one.type === type)?.value ?? ''
  return ['year', 'month', 'day', 'hour', 'minute', 'second'].map(part).join('')
}

/** Calendar arithmetic on the local day, so that a clock change cannot move it. */
function dayBeforeOf(yyyymmdd: string): string {
  const [year, month, day] = [yyyymmdd.slice(0, 4), yyyymmdd.slice(4, 6), yyyymmdd.slice(6)].map(Number)
  const date = new Date(Date.UTC(year ?? 0, (month ?? 1) - 1, (day ?? 1) - 1))
  return date.toISOString().slice(0, 10).replaceAll('-', '')
}

/** Replaces `${name}` and, for known names, DataX's bare `$name` in every text of a value. */
export function fillParameters(
  value: unknown,
  values: Readonly<Record<string, string>>,
  path: Path,
  faults: Fault[],
): unknown {
  if (typeof value === 'string') return fillText(value, values, path, faults)
  if (Array.isArray(value)) return value.map((item, index) => fillParameters(item, values, [...path, index], faults))
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).map(
    ([name, item]) => [name, fillParameters(item, values, [...path, name], faults)] as const,
  )
  return Object.fromEntries(entries)
}

function fillText(text: string, values: Readonly<Record<string, string>>, path: Path, faults: Fault[]): string {
  const known = (name: string) => (Object.hasOwn(values, name) ? values[name] : undefined)
  return text.replaceAll(/\$\{(\w+)\}|\$(\w+)/g, (whole, braced?: string, bare?: string) => {
    if (bare !== undefined) return known(bare) ?? whole
    const value = known(braced ?? '')
    if (value !== undefined) return value
    const names = Object.keys(values).sort().join(', ')
    faults.push(faultAt(path, `no value for the parameter ${whole}; there are values for ${names || 'none'}`))
    return whole
  })
}
