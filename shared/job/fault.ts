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

/** All faults of one pass as one error: a line each. */
export function faultsError(
  faults: readonly Fault[],
  code: 'job/syntax' | 'job/invalid' = 'job/invalid',
): TransferError {
  return new TransferError(code, faults.map(faultText).join('\n'), { faults: faults.length })
}

const secretNames = /password|accesskey$|accesskeysecret|secret|token/i

export const isSecretName = (name: string | number | undefined): boolean =>
  typeof name === 'string' && secretNames.test(name)

/** A value for people to recognise, never a secret, never long. */
export function shownValue(path: Path, value: unknown): string {
  if (isSecretName(path.at(-1))) return '***'
  const text = JSON.stringify(value) ?? 'nothing'
  return text.length > 60 ? `${text.slice(0, 57)}…` : text
}

export const faultAt = (path: Path, message: string): Fault => ({ path, message, line: null, column: null })
