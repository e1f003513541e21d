import { type ErrorCode, type FaultReport, TransferError } from '../errors/index.ts'

export type Path = readonly (string | number)[]

export type FaultCode = Extract<ErrorCode, `job/${string}`>

/** One thing wrong with a job, or not taken at its word, at its place in the user's text. */
export interface Fault {
  readonly path: Path
  readonly message: string
  readonly severity: 'error' | 'warning'
  readonly code: FaultCode
  /** The value found, for people to recognise: short, and `***` for a secret. */
  readonly got?: string
  /** 1-based; null when the text is not at hand. */
  readonly line: number | null
  readonly column: number | null
}

/** More would not be read, and a text of a megabyte can hold a hundred thousand. */
export const maxFaults = 100

/** `job.content[0].reader.parameter.splitPk` */
export function pathText(path: Path): string {
  const text = path.map((step) =>
    typeof step === 'number' ? `[${step}]` : /^\w+$/.test(step) ? `.${step}` : `[${JSON.stringify(step)}]`,
  )
  return text.join('').replace(/^\./, '') || 'job'
}

/** A fault in one line: path, place, what is allowed, the value. */
export function faultText({ path, message, got, line, column }: Fault): string {
  const place = line === null ? '' : ` (line ${line}, column ${column})`
  return `${pathText(path)}${place}: ${message}${got === undefined ? '' : `, got ${got}`}`
}

/**
 * All faults of one pass as one error: a line each, errors before warnings, and the code that the errors share, `job/invalid`
 * where they differ.
 * @param from the file the faults are in, when it is not the job itself
 */
export function faultsError(faults: readonly Fault[], from: string | null = null): TransferError {
  const errors = faults.filter(isError)
  const warnings = faults.filter((fault) => !isError(fault))
  const [first] = errors
  const code = errors.every((fault) => fault.code === first?.code) ? (first?.code ?? 'job/invalid') : 'job/invalid'
  const own = from === null ? '' : `${from}: `
  const lines = [
    ...errors.map((fault) => `${own}${faultText(fault)}`),
    ...warnings.map((fault) => `warning: ${own}${faultText(fault)}`),
  ]
  const context = {
    faults: errors.length,
    ...(first === undefined ? {} : { path: pathText(first.path), line: first.line, column: first.column }),
  }
  return new TransferError(code, lines.join('\n'), context, { faults: [...errors, ...warnings].map(faultReport) })
}

function faultReport({ severity, path, line, column, message, got }: Fault): FaultReport {
  return {
    severity,
    path: pathText(path),
    line,
    column,
    message: got === undefined ? message : `${message}, got ${got}`,
  }
}

const secretNames = /passw(or)?d|pwd$|accesskey$|accesskeysecret|secret|token|webhook/i

export const isSecretName = (name: string | number | undefined): boolean =>
  typeof name === 'string' && secretNames.test(name)

/** `…?password=x`, `…//user:x@host`: secrets hide inside texts too. */
const withoutSecrets = (text: string) =>
  text
    .replaceAll(/(passw(?:or)?d|pwd|accesskey\w*|secret|token)=[^&\s"]*/gi, '$1=***')
    .replaceAll(/:[^:/@\s]*@/g, ':***@')

const maxShown = 60

/** A value for people to recognise, never a secret, never long; of lists and objects only what they are, but a list of one text is that. */
export function shownValue(path: Path, value: unknown): string {
  if (path.some(isSecretName)) return '***'
  if (Array.isArray(value) && value.length === 1 && typeof value[0] === 'string') return shownValue(path, value[0])
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list'
  if (typeof value === 'object' && value !== null) return 'an object'
  const text = typeof value === 'string' ? JSON.stringify(withoutSecrets(value.slice(0, 1000))) : String(value)
  return text.length > maxShown ? `${text.slice(0, maxShown - 3)}…` : text
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
