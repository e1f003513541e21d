import type * as z from 'zod'
import type { Connection } from './datasource.ts'
import type { JobEnd } from './document.ts'
import { type Fault, maxFaults, type Path, warningAt } from './fault.ts'
import { issueFaults, stepsOf, valueAt } from './issue-faults.ts'
import { isScriptObject, type Member } from './members.ts'

/**
 * The connector's own schema has the word on its parameters. Faults are told at the user's names and places, wherever
 * the parameter stood. A connection that could not be made has its faults already; the rest is checked all the same.
 */
export function checkOptions(
  known: { readonly kind: string; readonly options: z.ZodType },
  connection: Connection | null,
  members: ReadonlyMap<string, Member>,
  path: Path,
  faults: Fault[],
): JobEnd | null {
  const given = { ...Object.fromEntries([...members].map(([name, { value }]) => [name, value])), connection }
  const placeOf = ([first, ...rest]: Path): Path =>
    first === undefined ? path : [...(members.get(String(first))?.path ?? [...path, first]), ...rest]
  const first = known.options.safeParse(given)
  if (first.success) return { kind: known.kind, options: first.data }
  const options = withoutUnknown(first.error.issues, given, placeOf, faults)
  const parsed = options === given ? first : known.options.safeParse(options)
  if (parsed.success) return { kind: known.kind, options: parsed.data }
  const about = parsed.error.issues.filter(({ path: [step] }) => connection !== null || step !== 'connection')
  for (const issue of about.slice(0, maxFaults)) faults.push(...issueFaults(issue, options, placeOf))
  return null
}

/** Names that are unknown deep inside a parameter: a warning each, as for the parameters themselves. */
function withoutUnknown(
  issues: readonly z.core.$ZodIssue[],
  given: Readonly<Record<string, unknown>>,
  placeOf: (path: Path) => Path,
  faults: Fault[],
): unknown {
  const unknown = issues.filter(({ code }) => code === 'unrecognized_keys')
  if (unknown.length === 0) return given
  const copy = structuredClone(given)
  for (const issue of unknown) {
    const holder = valueAt(copy, stepsOf(issue.path))
    for (const key of issue.code === 'unrecognized_keys' && isScriptObject(holder) ? issue.keys : []) {
      Reflect.deleteProperty(holder as object, key)
      if (faults.length < maxFaults)
        faults.push(warningAt(placeOf([...stepsOf(issue.path), key]), 'is not known here and has no effect'))
    }
  }
  return copy
}
