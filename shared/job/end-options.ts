import type * as z from 'zod'
import { memberAt } from '../errors/index.ts'
import type { Connection } from './datasource.ts'
import type { JobEnd } from './document.ts'
import { type Fault, maxFaults, type Path, warningAt } from './fault.ts'
import { issueFaults, stepsOf } from './issue-faults.ts'
import { isScriptObject, type Member } from './members.ts'
import { didYouMean } from './nearest-name.ts'
import { optionNamesWithin } from './option-names.ts'
import type { KnownEnd } from './resolve-job.ts'

/**
 * The connector's own schema has the word on its parameters. Faults are told at the user's names and places, wherever
 * the parameter stood. A connection that could not be made has its faults already; the rest is checked all the same.
 */
export function checkOptions(
  known: KnownEnd,
  connection: Connection | null,
  members: ReadonlyMap<string, Member>,
  path: Path,
  faults: Fault[],
): JobEnd | null {
  const given = { ...Object.fromEntries([...members].map(([name, { value }]) => [name, value])), connection }
  const placeOf = ([first, ...rest]: Path): Path => {
    if (first === undefined) return path
    const member = members.get(String(first))
    return member === undefined ? [...path, first, ...rest] : [...member.path, ...asWritten(member.value, rest)]
  }
  const first = known.options.safeParse(given)
  const options = first.success ? given : withoutUnknown(known, first.error.issues, { given, placeOf, faults })
  const parsed = options === given ? first : known.options.safeParse(options)
  if (parsed.success) {
    for (const { parameter, message } of known.remarks?.(parsed.data) ?? [])
      faults.push(warningAt(placeOf([parameter]), message))
    return { kind: known.kind, options: parsed.data }
  }
  const about = parsed.error.issues.filter(({ path: [step] }) => connection !== null || step !== 'connection')
  const namesAt = optionNamesWithin(known.options, options)
  faults.push(...issueFaults(about.slice(0, maxFaults), { value: options, placeOf, namesAt }))
  return null
}

/** Within an option, names count in any case; the user looks for the one that was written. */
function asWritten(value: unknown, path: Path): Path {
  let holder = value
  return path.map((step) => {
    const names = isScriptObject(holder) && !Object.hasOwn(holder, step) ? Object.keys(holder) : []
    const name = names.find((one) => one.toLowerCase() === String(step).toLowerCase()) ?? step
    holder = memberAt(holder, [name])
    return name
  })
}

/** Names that are unknown deep inside a parameter: a warning each, as for the parameters themselves. */
function withoutUnknown(
  known: KnownEnd,
  issues: readonly z.core.$ZodIssue[],
  { given, placeOf, faults }: { given: unknown; placeOf: (path: Path) => Path; faults: Fault[] },
): unknown {
  const unknown = issues.filter(({ code }) => code === 'unrecognized_keys')
  if (unknown.length === 0) return given
  const copy = structuredClone(given)
  const namesAt = optionNamesWithin(known.options)
  for (const issue of unknown) {
    const holder = memberAt(copy, asWritten(copy, stepsOf(issue.path)))
    for (const key of issue.code === 'unrecognized_keys' && isScriptObject(holder) ? issue.keys : []) {
      Reflect.deleteProperty(holder as object, key)
      if (faults.length < maxFaults)
        faults.push(
          warningAt(
            placeOf([...stepsOf(issue.path), key]),
            `is not known here and has no effect${didYouMean(key, namesAt(stepsOf(issue.path)))}`,
          ),
        )
    }
  }
  return copy
}
