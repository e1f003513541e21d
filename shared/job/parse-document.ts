import type { Issue } from '../errors/index.ts'
import { JobDocument } from './document.ts'
import { type Fault, faultAt, faultsError, isError, isSecretName, maxFaults, type Path, worthTelling } from './fault.ts'
import { issueFaults } from './issue-faults.ts'
import { isScriptObject, type Member, type Members, membersAt } from './members.ts'
import { didYouMean } from './nearest-name.ts'
import { optionNamesWithin } from './option-names.ts'
import { readParameterLine } from './parameter-line.ts'
import { readText } from './script-text.ts'
import { isReference } from './secret-reference.ts'

export interface ParsedDocument {
  readonly document: JobDocument
  /** Where the script stands in the text: `[]` for a bare one. */
  readonly scriptPath: Path
  /** What of the text was understood, but not taken at its word. */
  readonly warnings: readonly Fault[]
  /** Adds line and column where the text is at hand. */
  readonly place: (fault: Fault) => Fault
}

/** A document, or the faults that keep it from being one; warnings come in either case. */
export interface ReadDocument {
  readonly parsed: ParsedDocument | null
  /** Of a faulty document what can be checked all the same, without its unsound members: one pass tells all faults. */
  readonly remains: ParsedDocument | null
  readonly faults: readonly Fault[]
}

/** A script says nothing of these: they belong to the document around it. */
const wrapperNames = [
  '$schema',
  'name',
  'description',
  'script',
  'parameters',
  'triggers',
  'notices',
  'schedule',
  'mapping',
  'transform',
]
const scriptNames = ['job', 'steps', 'type', 'configuration']

/**
 * Reads a job document, or a bare DataX or DataWorks script, which then gets `bareName`.
 * @throws job/syntax, job/invalid, job/literal-secret with a line per fault
 */
export function parseJobDocument(text: string, bareName: string | null): ParsedDocument {
  const { parsed, faults } = readJobDocument(text, bareName)
  if (parsed === null) throw faultsError(faults)
  return parsed
}

/** As `parseJobDocument`, with the faults as a result: for editors, which show them in place. */
export function readJobDocument(text: string, bareName: string | null): ReadDocument {
  const { value, faults: textFaults, place } = readText(text)
  const faults = [...textFaults]
  if (value === undefined) return { parsed: null, remains: null, faults }
  const wrapper = membersAt(value, [], wrapperNames, faults)
  const bare = !wrapper.known.has('script') && hasScriptName(value)
  const candidate = bare ? bareDocument(value, wrapper, bareName, faults) : wrappedDocument(wrapper, bareName, faults)
  const checked = JobDocument.safeParse(candidate)
  const placeOf = (path: Path) => placeIn(wrapper.known, path)
  const issues = checked.success || !isScriptObject(value) ? [] : checked.error.issues.slice(0, maxFaults)
  faults.push(...issueFaults(issues, { value: candidate, placeOf, namesAt: optionNamesWithin(JobDocument, candidate) }))
  const located = worthTelling(faults).map(place)
  const scriptPath = bare ? [] : (wrapper.known.get('script')?.path ?? [])
  const whole = (document: JobDocument) => ({ document, scriptPath, warnings: located, place })
  if (checked.success && !faults.some(isError)) return { parsed: whole(checked.data), remains: null, faults: located }
  const sound = soundPart(candidate, checked.success ? [] : checked.error.issues)
  return { parsed: null, remains: sound === null ? null : { ...whole(sound), warnings: [] }, faults: located }
}

/** null where nothing is left to check, or where what is left would have faults that are none. */
function soundPart(candidate: unknown, issues: readonly Issue[]): JobDocument | null {
  const unsound = new Set(issues.map(({ path: [member] }) => member))
  // Without them each reference to one would be a fault.
  if (!isScriptObject(candidate) || candidate.script === undefined || unsound.has('parameters')) return null
  const kept = Object.entries(candidate).filter(([name]) => !unsound.has(name))
  return JobDocument.safeParse({ name: 'unnamed', ...Object.fromEntries(kept) }).data ?? null
}

const hasScriptName = (value: unknown): boolean =>
  isScriptObject(value) && Object.keys(value).some((name) => scriptNames.includes(name.toLowerCase()))

function bareDocument(value: unknown, { known }: Members, bareName: string | null, faults: Fault[]): unknown {
  const isDatax = isScriptObject(value) && Object.keys(value).some((name) => name.toLowerCase() === 'job')
  for (const [name, { path }] of known) {
    if (name === 'description' || name === '$schema') continue
    // Consoles of old leave this name in a DataWorks script.
    if (name === 'transform' && !isDatax) continue
    faults.push(faultAt(path, `has no meaning beside a bare script; write {"name": …, "script": {…}, "${name}": …}`))
  }
  return { name: bareName ?? '', script: value }
}

/** A misspelled `triggers` would be a job that never starts: here an unknown name is a fault, not a warning. */
function wrappedDocument({ known, unknown }: Members, bareName: string | null, faults: Fault[]): unknown {
  for (const [name, { path }] of [...unknown].slice(0, maxFaults))
    faults.push(
      faultAt(path, `is not known here${didYouMean(name, wrapperNames)}; known are ${wrapperNames.join(', ')}`),
    )
  if (!known.has('script'))
    faults.push(
      faultAt(
        ['script'],
        'is missing; it must be a DataX job {"job": …} or a DataWorks script {"type": "job", "steps": …}',
      ),
    )
  const meant = [...known].filter(([name]) => name !== '$schema')
  const values = Object.fromEntries(meant.map(([name, { value }]) => [name, value]))
  const parameters = known.get('parameters')
  if (parameters !== undefined) values.parameters = parametersOf(parameters, faults)
  return { ...(bareName === null ? {} : { name: bareName }), ...values }
}

/** Numbers and switches are texts here, because they are put into texts. DataWorks keeps all in one line. */
function parametersOf({ value: given, path }: Member, faults: Fault[]): unknown {
  const value = typeof given === 'string' ? readParameterLine(given, path, faults) : given
  if (!isScriptObject(value)) return value
  const entries = Object.entries(value).map(([name, item]): [string, unknown] => {
    const text = typeof item === 'number' || typeof item === 'boolean' ? String(item) : item
    if (isSecretName(name) && typeof text === 'string' && text !== '' && !isReference(text)) {
      const message = 'looks like a secret in plain text; write a reference: "env:NAME", "kms:NAME" or "vault:NAME"'
      faults.push(faultAt([...path, name], message, 'job/literal-secret'))
    }
    return [name, text]
  })
  return Object.fromEntries(entries)
}

function placeIn(known: ReadonlyMap<string, Member>, [first, ...rest]: Path): Path {
  if (first === undefined) return []
  return [...(known.get(String(first))?.path ?? [first]), ...rest]
}
