import { TransformStep } from '../transform/step.ts'
import { maxTransformSteps } from './document.ts'
import { type Fault, faultAt, faultOf, type Path } from './fault.ts'
import { issueFaults } from './issue-faults.ts'
import { isBlank, isScriptObject, type Member, membersAt, warnOfUnknown } from './members.ts'
import { didYouMean } from './nearest-name.ts'

/** The texts of `paras`, by the names that our steps have for them, in DataX's order (dataworks-datax.md §4.5). */
const paraNames = {
  dx_substr: ['start', 'length'],
  dx_pad: ['side', 'length', 'with'],
  dx_replace: ['start', 'length', 'with'],
  dx_filter: ['when', 'value'],
  dx_digest: ['algorithm', 'letters'],
} as const
type TransformerName = keyof typeof paraNames
const known = Object.keys(paraNames) as TransformerName[]

const numbers: ReadonlySet<string> = new Set(['start', 'length'])

/** The list `transformer` of a DataX job, as steps. Every fault stands at the text it is about. */
export function stepsOf(given: Member | null, faults: Fault[]): TransformStep[] {
  if (given === null || isBlank(given.value)) return []
  const list: unknown[] = Array.isArray(given.value) ? given.value : [given.value]
  if (list.length > maxTransformSteps) {
    faults.push(faultAt(given.path, `must hold at most ${maxTransformSteps} transformers, got ${list.length}`))
    return []
  }
  return list
    .map((item, index) => stepOf({ value: item, path: [...given.path, index] }, faults))
    .filter((step) => step !== null)
}

function stepOf({ value, path }: Member, faults: Fault[]): TransformStep | null {
  if (!isScriptObject(value)) {
    faults.push(faultOf(path, value, 'must be an object with name and parameter'))
    return null
  }
  const outer = membersAt(value, path, ['name', 'parameter'], faults)
  warnOfUnknown(outer.unknown, ['name', 'parameter'], faults)
  const name = nameOf(outer.known.get('name') ?? { value: undefined, path: [...path, 'name'] }, faults)
  if (name === null) return null
  const parameter = outer.known.get('parameter') ?? { value: undefined, path: [...path, 'parameter'] }
  const inner = membersAt(parameter.value, parameter.path, ['columnIndex', 'paras', 'context'], faults)
  warnOfUnknown(inner.unknown, ['columnIndex', 'paras'], faults)
  const column = inner.known.get('columnIndex') ?? { value: undefined, path: [...parameter.path, 'columnIndex'] }
  const paras = inner.known.get('paras') ?? { value: undefined, path: [...parameter.path, 'paras'] }
  return checked(name, column, paras, faults)
}

function nameOf({ value, path }: Member, faults: Fault[]): TransformerName | null {
  const lower = typeof value === 'string' ? value.trim().toLowerCase() : ''
  const name = known.find((one) => one === lower)
  if (name !== undefined) return name
  if (lower === 'dx_groovy') {
    const reason = 'Groovy code cannot run here; write the change as SQL expressions in column or querySql'
    faults.push(faultOf(path, value, reason, 'job/unsupported'))
  } else {
    faults.push(faultOf(path, value, `must be one of ${known.join(', ')}${didYouMean(lower, known)}`))
  }
  return null
}

function checked(name: TransformerName, column: Member, paras: Member, faults: Fault[]): TransformStep | null {
  const names: readonly string[] = paraNames[name]
  if (!Array.isArray(paras.value) || paras.value.length !== names.length) {
    const wanted = `must be a list of ${names.length}: ${names.join(', ')}`
    faults.push(faultOf(paras.path, paras.value, `${paras.value === undefined ? 'is missing; it ' : ''}${wanted}`))
    return null
  }
  const entries = paras.value.map((para: unknown, index): [string, unknown] => {
    const own = names[index] ?? ''
    return [own, read(own, para)]
  })
  const step = { do: name.slice('dx_'.length), column: asNumber(column.value), ...Object.fromEntries(entries) }
  const parsed = TransformStep.safeParse(step)
  if (parsed.success) return parsed.data
  const placeOf = ([first]: Path): Path =>
    first === 'column' ? column.path : [...paras.path, Math.max(0, names.indexOf(String(first)))]
  for (const issue of parsed.error.issues) {
    const own = String(issue.path[0])
    const value: unknown = own === 'column' ? column.value : paras.value[names.indexOf(own)]
    for (const { path, message } of issueFaults([issue], { value: step, placeOf, namesAt: () => [] }))
      faults.push(faultOf(path, value, inWordsOfDatax(message)))
  }
  return null
}

/** What of `paras` our steps call otherwise; anything else is left for the schema to refuse. */
const meanings: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  side: { l: 'left', r: 'right' },
  letters: { tolowercase: 'lower', touppercase: 'upper' },
  when: { '==': '=' },
}

/** DataX takes `l`, `LIKE` and `TOUPPERCASE` in any case, but makes a lower-case SHA-1 of "MD5" and "TOUPPERCASE". */
const exact: Readonly<Record<string, readonly string[]>> = {
  letters: ['toUpperCase', 'toLowerCase'],
  algorithm: ['md5', 'sha1'],
}

function read(name: string, para: unknown): unknown {
  if (numbers.has(name)) return asNumber(para)
  const text = typeof para === 'number' || typeof para === 'boolean' ? String(para) : para
  if (typeof text !== 'string' || name === 'with' || name === 'value') return text
  if (exact[name] !== undefined && !exact[name].includes(text)) return { unclear: text }
  const lower = text.trim().toLowerCase()
  return meanings[name]?.[lower] ?? lower
}

const asNumber = (value: unknown): unknown =>
  typeof value === 'string' && /^\s*-?\d{1,10}\s*$/.test(value) ? Number(value) : value

const inDatax: readonly (readonly [RegExp, string])[] = [
  [/one of left, right/, 'l or r'],
  [/one of lower, upper/, 'toLowerCase or toUpperCase, in these letters: DataX takes any other for lower case'],
  [/one of md5, sha1/, 'md5 or sha1, in these letters: DataX makes SHA-1 of any other'],
]

function inWordsOfDatax(message: string): string {
  const [, words] = inDatax.find(([ours]) => ours.test(message)) ?? []
  return words === undefined ? message : `must be ${words}`
}

/** Steps as a DataX job lists them. */
export const asTransformers = (steps: readonly TransformStep[]): unknown[] =>
  steps.map((step) => {
    const name = `dx_${step.do}` as TransformerName
    const values: Readonly<Record<string, unknown>> = step
    const paras = paraNames[name].map((own) => written(own, values[own]))
    return { name, parameter: { columnIndex: step.column, paras } }
  })

function written(name: string, value: unknown): string {
  const [original] = Object.entries(meanings[name] ?? {}).find(([, ours]) => ours === value) ?? []
  if (name === 'letters') return value === 'upper' ? 'toUpperCase' : 'toLowerCase'
  return name === 'side' ? (original ?? '') : String(value)
}

/** Of the document or of the script: of both, nobody could say which come first. */
export function transformOf(
  own: readonly TransformStep[] | undefined,
  script: Member | null,
  faults: Fault[],
): readonly TransformStep[] {
  const steps = stepsOf(script, faults)
  if (own === undefined || own.length === 0) return steps
  if (script !== null && !isBlank(script.value))
    faults.push(faultAt(script.path, 'stands beside transform of the document; keep one of the two'))
  return own
}
