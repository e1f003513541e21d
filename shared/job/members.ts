import { type Fault, faultAt, faultOf, maxFaults, type Path, warningAt } from './fault.ts'
import { didYouMean } from './nearest-name.ts'

/** A value of the script with the place where the user wrote it. */
export interface Member {
  readonly value: unknown
  readonly path: Path
}

export interface Members {
  /** By the name we know them under. */
  readonly known: ReadonlyMap<string, Member>
  /** By the name the user wrote. */
  readonly unknown: ReadonlyMap<string, Member>
}

export type ScriptObject = Readonly<Record<string, unknown>>

export const isScriptObject = (value: unknown): value is ScriptObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** What samples write for "not set" (dataworks-datax.md §1.1). */
export const isBlank = (value: unknown): boolean =>
  value === undefined ||
  value === null ||
  value === '' ||
  (Array.isArray(value) && value.length === 0) ||
  (isScriptObject(value) && Object.keys(value).length === 0)

export function membersAt(object: unknown, path: Path, names: readonly string[], faults: Fault[]): Members {
  if (object !== undefined && object !== null && object !== '' && !isScriptObject(object))
    faults.push(faultOf(path, object, 'must be an object'))
  const entries = isScriptObject(object) ? Object.entries(object) : []
  return foldNames(
    entries.map(([name, value]) => [name, { value, path: [...path, name] }]),
    names,
    faults,
  )
}

/** Official samples write `Object` and `querysql` (dataworks-datax.md §1.1): the case of a name does not matter. */
export function foldNames(
  entries: Iterable<readonly [string, Member]>,
  names: readonly string[],
  faults: Fault[],
): Members {
  const byLower = new Map(names.map((name) => [name.toLowerCase(), name]))
  const known = new Map<string, Member>()
  const unknown = new Map<string, Member>()
  for (const [given, member] of entries) {
    const name = byLower.get(given.toLowerCase())
    if (name === undefined) unknown.set(given, member)
    else if (known.has(name)) faults.push(faultAt(member.path, `${name} is given twice; keep one of the two`))
    else known.set(name, member)
  }
  return { known, unknown }
}

/** A name that means nothing to us does no harm to the run, but its author expects something of it. */
export function warnOfUnknown(unknown: ReadonlyMap<string, Member>, names: readonly string[], faults: Fault[]): void {
  for (const [name, { path }] of unknown) {
    if (faults.length >= maxFaults) return
    faults.push(warningAt(path, `is not known here and has no effect${didYouMean(name, names)}`))
  }
}
