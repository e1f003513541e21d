import { type Fault, faultAt, maxFaults, type Path } from './fault.ts'
import { didYouMean } from './nearest-name.ts'

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

type Values = Readonly<Record<string, string>>

/** DataWorks assigns `name=$bizdate`: a value of the document may name other parameters, one level deep. */
export function resolveValues(own: Values, given: Values, faults: Fault[]): Values {
  const entries = Object.entries(given).map(([name, value]) => {
    const isOwn = Object.hasOwn(own, name) && own[name] === value
    if (!isOwn || !value.includes('$')) return [name, value] as const
    return [name, fillText(value, given, ['parameters', name], faults, name)] as const
  })
  return Object.fromEntries(entries)
}

/** Replaces `${name}` and, for known names, DataX's bare `$name` in every text of a value. */
export function fillParameters(value: unknown, values: Values, path: Path, faults: Fault[]): unknown {
  if (typeof value === 'string') return fillText(value, values, path, faults)
  if (Array.isArray(value)) return value.map((item, index) => fillParameters(item, values, [...path, index], faults))
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).map(
    ([name, item]) => [name, fillParameters(item, values, [...path, name], faults)] as const,
  )
  return Object.fromEntries(entries)
}

/** `${…}` of any content, `$[…]` of DataWorks' date grammar, and a bare `$name`. */
const references = /\$\{([^{}]*)\}|\$\[([a-z][^[\]]*)\]|\$(\w+)/g

function fillText(text: string, values: Values, path: Path, faults: Fault[], except?: string): string {
  if (!text.includes('$')) return text
  const known = (name: string) => (name !== except && Object.hasOwn(values, name) ? values[name] : undefined)
  return text.replaceAll(references, (whole, braced?: string, dated?: string, bare?: string) => {
    if (bare !== undefined) return known(bare) ?? whole
    const name = (braced ?? '').trim().replace(/^bdp\.system\./, '')
    const value = dated === undefined ? known(name) : undefined
    if (value !== undefined && isForeignSql(path, name, value)) faults.push(foreignSqlFault(path, whole))
    if (value !== undefined) return value
    const isMeant = dated === undefined || looksDated(dated)
    if (isMeant && faults.length < maxFaults) faults.push(unknownReference(whole, dated ?? name, values, path))
    return whole
  })
}

/** Texts of a script that are SQL and run with the rights of the datasource. */
const sqlNames = new Set(['where', 'querysql', 'presql', 'postsql', 'column', 'splitpk'])

/**
 * The key of a dropped file is chosen by whoever may drop files, who need not be the author of the job. In SQL only a key
 * that can end neither a text nor a statement is let through.
 */
function isForeignSql(path: Path, name: string, value: string): boolean {
  const isSql = path.some((step) => typeof step === 'string' && sqlNames.has(step.toLowerCase()))
  return isSql && (name === 'object' || name === 'bucket') && !/^(?!.*--)[\w./=-]*$/.test(value)
}

const foreignSqlFault = (path: Path, whole: string) =>
  faultAt(
    path,
    `the value of ${whole} comes from outside and holds characters that SQL could take for its own; use it in object only`,
  )

/** `yyyymmdd-1`, `hh24miss-1/24`, `add_months(yyyymmdd,-1)` (dataworks-datax.md §5.2): nothing but tokens and arithmetic. */
function looksDated(expression: string): boolean {
  const rest = expression.slice(0, 60).replaceAll(/add_months|yyyy|yy|mm|dd|hh24|hh12|mi|ss/g, '')
  return rest.length < Math.min(expression.length, 60) && !/[a-z]/i.test(rest)
}

function unknownReference(whole: string, braced: string, values: Values, path: Path): Fault {
  const shown = whole.length > 60 ? `${whole.slice(0, 57)}…` : whole
  if (looksDated(braced)) {
    const reason = `date expressions such as ${shown} are a later release; use $\{bizdate} or $\{cyctime}, or pass a parameter`
    return faultAt(path, reason, 'job/unsupported')
  }
  const names = Object.keys(values).sort()
  const near = didYouMean(braced, names)
  const message = `no value for the parameter ${shown}${near}; there are values for ${names.join(', ') || 'none'}`
  return faultAt(path, message, 'job/unknown-parameter')
}
