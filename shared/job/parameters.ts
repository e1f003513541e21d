import {
  type DateFamily,
  dateValue,
  dayMs,
  looksDated,
  type RunDates,
  readDay,
  readScheduledTime,
  startOfDay,
  type WallTime,
} from '../schedule/index.ts'
import { type Fault, faultAt, maxFaults, type Path, warningAt } from './fault.ts'
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

type Values = Readonly<Record<string, string>>

/** For a dropped file `bucket`, `object`, `etag` and `size`; other triggers tell nothing but the time. */
export function triggerParameters(trigger: ParameterTrigger): Record<string, string> {
  if (trigger.type !== 'object') return {}
  const { bucket, key, etag, size } = trigger
  return { bucket, object: key, etag, size: String(size) }
}

/** What references in a script may name. */
export interface Parameters {
  readonly values: Values
  /** Names whose value holds something that a stranger may have chosen: the key of a dropped file. */
  readonly foreign: ReadonlySet<string>
  readonly dates: RunDates
}

export interface ParameterSources {
  /** The document's own, which may be made of others: DataWorks' `name=$bizdate`. */
  readonly own: Values
  /** The caller's and the trigger's: texts as they are, whatever they hold. */
  readonly given: Values
  readonly dates: RunDates
}

/**
 * Values win in this order: given, the document's own, built in. A `bizdate` or `cyctime` that is given moves all dates, as
 * the business date is always the day before the scheduled one; only who gives both may say otherwise.
 */
export function readParameters({ own, given, dates: planned }: ParameterSources, faults: Fault[]): Parameters {
  const dates = datesGiven(given, planned, faults)
  const builtIn = builtInValues(dates)
  const names = Object.keys({ ...builtIn, ...own, ...given })
  const resolved = new Map<string, string>()
  const foreign = new Set(['object', 'bucket'])
  const resolve = (name: string, under: readonly string[]): string | undefined => {
    if (Object.hasOwn(given, name)) return given[name]
    // A name within its own value is the built-in one: `bizdate=$bizdate` is DataWorks' own default.
    if (!Object.hasOwn(own, name) || under.at(-1) === name)
      return Object.hasOwn(builtIn, name) ? builtIn[name] : undefined
    const known = resolved.get(name)
    if (known !== undefined) return known
    const path = ['parameters', name]
    if (under.includes(name)) {
      addFault(faults, faultAt(path, `is made of itself: ${[...under, name].join(' → ')}`))
      return ''
    }
    const find = (other: string) => {
      const value = resolve(other, [...under, name])
      if (foreign.has(other)) foreign.add(name)
      return value
    }
    const lookup = { find, names, foreign: noNames, dates, isAssignment: true, tell: () => undefined }
    const value = fillText(own[name] ?? '', lookup, path, faults)
    resolved.set(name, value)
    return value
  }
  return { values: Object.fromEntries(names.map((name) => [name, resolve(name, []) ?? ''])), foreign, dates }
}

/** Where a value is only put together, nothing is SQL yet. */
const noNames: ReadonlySet<string> = new Set()

function datesGiven(given: Values, planned: RunDates, faults: Fault[]): RunDates {
  const business = readGiven(given, 'bizdate', readDay, 'a day as yyyymmdd', faults)
  const scheduled = readGiven(given, 'cyctime', readScheduledTime, 'a time as yyyymmddhh24miss', faults)
  if (business === null && scheduled === null) return planned
  if (scheduled !== null) return { business: business ?? startOfDay(scheduled) - dayMs, scheduled }
  const moved = (business ?? planned.business) - planned.business
  return { business: planned.business + moved, scheduled: planned.scheduled + moved }
}

/** null: it is not given, or is none, which is a fault: a job would move the rows of another day. */
function readGiven(
  given: Values,
  name: 'bizdate' | 'cyctime',
  read: (text: string) => WallTime | null,
  form: string,
  faults: Fault[],
): WallTime | null {
  const text = Object.hasOwn(given, name) ? given[name] : undefined
  if (text === undefined) return null
  const value = read(text)
  if (value === null)
    addFault(faults, faultAt(['parameters', name], `must be ${form}; got ${JSON.stringify(shown(text))}`))
  return value
}

/** Names of DataWorks for dates (dataworks-datax.md §5.2). */
function builtInValues(dates: RunDates): Values {
  const write = (family: DateFamily, format: string) => {
    const value = dateValue(family, format, dates)
    return 'text' in value ? value.text : ''
  }
  const bizmonth = write('business', 'yyyymm')
  const isThisMonth = bizmonth === write('scheduled', 'yyyymm')
  return {
    bizdate: write('business', 'yyyymmdd'),
    cyctime: write('scheduled', 'yyyymmddhh24miss'),
    gmtdate: write('scheduled', 'yyyymmdd'),
    // The last month that is over: of the schedule, not of today, so that a repeat gives the same.
    bizmonth: isThisMonth ? write('business', 'yyyymm-1') : bizmonth,
  }
}

/** Replaces `${name}`, dates, and for known names DataX's bare `$name` in every text of a value. */
export function fillParameters(
  value: unknown,
  parameters: Parameters,
  path: Path,
  faults: Fault[],
  tell: Lookup['tell'] = () => undefined,
): unknown {
  const { values, foreign, dates } = parameters
  const find = (name: string) => (Object.hasOwn(values, name) ? values[name] : undefined)
  return fillValue(value, { find, names: Object.keys(values), foreign, dates, isAssignment: false, tell }, path, faults)
}

interface Lookup {
  readonly find: (name: string) => string | undefined
  readonly names: readonly string[]
  readonly foreign: ReadonlySet<string>
  readonly dates: RunDates
  /** A value of the document: there `$yyyymmdd` is a date, and nothing in brackets is a server's. */
  readonly isAssignment: boolean
  /** Hears of each value that is filled in: under its name, or as it is written where it has none. */
  readonly tell: (reference: string, value: string) => void
}

function fillValue(value: unknown, lookup: Lookup, path: Path, faults: Fault[]): unknown {
  if (typeof value === 'string') return fillText(value, lookup, path, faults)
  if (Array.isArray(value)) return value.map((item, index) => fillValue(item, lookup, [...path, index], faults))
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).map(
    ([name, item]) => [name, fillValue(item, lookup, [...path, name], faults)] as const,
  )
  return Object.fromEntries(entries)
}

/** `${…}` of any content, `$[…]` of DataWorks' date grammar, and a bare `$name`. */
const references = /\$\{([^{}]*)\}|\$\[([A-Za-z%\s][^[\]]*)\]|\$(\w+)/g

function fillText(text: string, lookup: Lookup, path: Path, faults: Fault[]): string {
  if (!text.includes('$')) return text
  return text.replaceAll(references, (whole, braced?: string, bracketed?: string, bare?: string) => {
    if (braced !== undefined) return bracedValue(whole, braced, lookup, path, faults)
    if (bracketed !== undefined) {
      const isMeant = lookup.isAssignment || looksDated(bracketed) || /^\s*(yyyy|add_?months?\()/i.test(bracketed)
      return isMeant ? writtenDate('scheduled', whole, bracketed, lookup, path, faults) : whole
    }
    return bareValue(whole, bare ?? '', lookup, path, faults)
  })
}

function bracedValue(whole: string, braced: string, lookup: Lookup, path: Path, faults: Fault[]): string {
  const name = braced.trim().replace(/^bdp\.system\./, '')
  const value = lookup.find(name)
  if (value === undefined) {
    if (looksDated(braced)) return writtenDate('business', whole, braced, lookup, path, faults)
    addFault(faults, unknownReference(whole, name, lookup.names, path))
    return whole
  }
  if (lookup.foreign.has(name) && isForeignSql(path, value)) addFault(faults, foreignSqlFault(path, whole))
  lookup.tell(name, value)
  return value
}

/** Parts of the business date that an assignment may name without braces (dataworks-datax.md §5.2). */
const bareDates = new Set(['yyyymmdd', 'yyyymm', 'yyyy', 'yy', 'mm', 'dd'])

function bareValue(whole: string, name: string, lookup: Lookup, path: Path, faults: Fault[]): string {
  const value = lookup.find(name)
  if (value !== undefined) {
    lookup.tell(name, value)
    if (lookup.foreign.has(name) && isForeignSql(path, value)) addFault(faults, foreignSqlFault(path, whole))
    return value
  }
  const isDate = lookup.isAssignment && bareDates.has(name)
  return isDate ? writtenDate('business', whole, name, lookup, path, faults) : whole
}

function writtenDate(
  family: DateFamily,
  whole: string,
  expression: string,
  { dates, tell }: Lookup,
  path: Path,
  faults: Fault[],
): string {
  const value = dateValue(family, expression, dates)
  if ('fault' in value) {
    addFault(faults, faultAt(path, `${shown(whole)}: ${value.fault}`))
    return whole
  }
  tell(whole, value.text)
  if (value.warning !== null) addFault(faults, warningAt(path, `${shown(whole)}: ${value.warning}`))
  return value.text
}

/** Texts of a script that are SQL and run with the rights of the datasource. */
const sqlNames = new Set(['where', 'querysql', 'presql', 'postsql', 'column', 'splitpk'])

/**
 * The key of a dropped file is chosen by whoever may drop files, who need not be the author of the job. In SQL only a key
 * that can end neither a text nor a statement is let through.
 */
function isForeignSql(path: Path, value: string): boolean {
  const isSql = path.some((step) => typeof step === 'string' && sqlNames.has(step.toLowerCase()))
  return isSql && !/^(?!.*--)[\w./=-]*$/.test(value)
}

const foreignSqlFault = (path: Path, whole: string) =>
  faultAt(
    path,
    `the value of ${whole} comes from outside and holds characters that SQL could take for its own; use it in object only`,
  )

/** Names of DataWorks that mean nothing here, and what to do instead. */
const strangers: ReadonlyMap<string, string> = new Map(
  ['jobid', 'nodeid', 'taskid'].map((name) => [
    name,
    'is a number that DataWorks gives its own workflows, nodes and instances; pass a parameter of this name',
  ]),
)

function unknownReference(whole: string, name: string, names: readonly string[], path: Path): Fault {
  const stranger = strangers.get(name) ?? scopeOf(name)
  if (stranger !== undefined) return faultAt(path, `${shown(whole)} ${stranger}`, 'job/unsupported')
  const near = didYouMean(name, names)
  const known = [...names].sort().join(', ') || 'none'
  const message = `no value for the parameter ${shown(whole)}${near}; there are values for ${known}`
  return faultAt(path, message, 'job/unknown-parameter')
}

const scopeOf = (name: string): string | undefined =>
  /^(workflow|workspace|projects?)\.\w/.test(name)
    ? 'belongs to a workflow or workspace of DataWorks; put the value into the parameters of the job'
    : undefined

const shown = (whole: string) => (whole.length > 60 ? `${whole.slice(0, 57)}…` : whole)

function addFault(faults: Fault[], fault: Fault): void {
  if (faults.length < maxFaults) faults.push(fault)
}
