import { TransferError } from '../errors/index.ts'

export type Path = readonly (string | number)[]

/** One thing wrong with a job, at its place in the user's text. */
export interface Fault {
  readonly path: Path
  readonly message: string
  /** 1-based; null when the text is not at hand. */
  readonly line: number | null
  readonly column: number | null
}

/** `job.content[0].reader.parameter.splitPk` */
export function pathText(path: Path): string {
  const text = path.map((step) =>
    typeof step === 'number' ? `[${step}]` : /^\w+$/.test(step) ? `.${step}` : `[${JSON.stringify(step)}]`,
  )
  return text.join('').replace(/^\./, '') || 'job'
}

export function faultText({ path, message, line, column }: Fault): string {
  const place = line === null ? '' : ` (line ${line}, column ${column})`
  return `${pathText(path)}${place}: ${message}`
}

/** All faults of one pass as one error: a line each, and the code they share, `job/invalid` where they differ. */
export function faultsError(faults: readonly Fault[]): TransferError {
  const errors = faults.filter(({ severity }) => severity === 'error')
  const [first] = errors
  const code = errors.every((fault) => fault.code === first?.code) ? (first?.code ?? 'job/invalid') : 'job/invalid'
  const lines = errors.map(faultText)
  return new TransferError(code, lines.join('\n'), {
    faults: errors.length,
    ...(first === undefined ? {} : { path: pathText(first.path), line: first.line, column: first.column }),
  })
}

const secretNames = /password|accesskey$|accesskeysecret|secret|token/i

export const isSecretName = (name: string | number | undefined): boolean =>
  typeof name === 'string' && secretNames.test(name)

/** `…?password=x`, `…//user:x@host`: secrets hide inside texts too. */
const withoutSecrets = (text: string) =>
  text
    .replaceAll(/(passw(?:or)?d|pwd|accesskey\w*|secret|token)=[^&\s"]*/gi, '$1=***')
    .replaceAll(/:[^:/@\s]*@/g, ':***@')

const maxShown = 60

/** A value for people to recognise, never a secret, never long; of lists and objects only what they are. */
export function shownValue(path: Path, value: unknown): string {
  if (isSecretName(path.at(-1))) return '***'
  const text = JSON.stringify(value) ?? 'nothing'
  return text.length > 60 ? `${text.slice(0, 57)}…` : text
}

export const faultAt = (path: Path, message: string, code: FaultCode = 'job/invalid'): Fault => ({
  path,
  message,
  severity: 'error',
  code,
  line: null,
  column: null,
})

/** A fault about a value that is there. */
export const faultOf = (path: Path, value: unknown, message: string, code: FaultCode = 'job/invalid'): Fault =>
  value === undefined ? faultAt(path, message, code) : { ...faultAt(path, message, code), got: shownValue(path, value) }

/** Understood, but not taken at its word. */
export const warningAt = (path: Path, message: string): Fault => ({ ...faultAt(path, message), severity: 'warning' })

/** What a person would read: errors before warnings, and no more than `maxFaults`. */
export function worthTelling(faults: readonly Fault[]): Fault[] {
  if (faults.length <= maxFaults) return [...faults]
  const errors = faults.filter(isError)
  return [...errors, ...faults.filter((fault) => !isError(fault))].slice(0, maxFaults)
}

export const isError = ({ severity }: Fault): boolean => severity === 'error'
