import type { TransferError } from '../errors/index.ts'
import { wrapped } from './fit.ts'

/** stdout carries the answer, in one form; everything else goes to stderr. */
export interface Output {
  readonly json: boolean
  /** Columns of the terminal that shows the answer; infinite where it goes into a file or a pipe, whose lines stay whole. */
  width(): number
  /** One JSON document, or its text for people. */
  answer(document: unknown, text: () => string): void
  /** A line on stderr. */
  note(line: string): void
  /** A line that replaces the last one on a terminal; elsewhere one line every few seconds. */
  progress(line: string): void
  fail(error: TransferError): void
}

const plainEveryMs = 5_000

/** What of a terminal or a pipe is used. */
export interface Screen {
  write(text: string): unknown
  readonly isTTY?: boolean
  readonly columns?: number
}

export function openOutput(json: boolean, stdout: Screen, stderr: Screen): Output {
  let drawn = false
  let lastPlainAt = 0
  const clear = () => {
    if (drawn) stderr.write('\r\x1b[2K')
    drawn = false
  }
  const note = (line: string) => {
    clear()
    stderr.write(`${wrapped(line, stderr.columns ?? Number.POSITIVE_INFINITY, 2)}\n`)
  }
  return {
    json,
    width: () => stdout.columns ?? Number.POSITIVE_INFINITY,
    answer(document, text) {
      clear()
      stdout.write(json ? `${JSON.stringify(document, null, 2)}\n` : `${text()}\n`)
    },
    note,
    progress(line) {
      if (stderr.isTTY) {
        clear()
        stderr.write(line.slice(0, Math.max(20, (stderr.columns || 80) - 1)))
        drawn = true
      } else if (Date.now() - lastPlainAt >= plainEveryMs) {
        lastPlainAt = Date.now()
        stderr.write(`${line}\n`)
      }
    },
    fail(error) {
      const report = error.report()
      clear()
      if (json) stdout.write(`${JSON.stringify({ error: report }, null, 2)}\n`)
      else note(`error ${report.code}: ${report.message}\n  next: ${report.advice}`)
    },
  }
}

const units = ['B', 'kB', 'MB', 'GB', 'TB']

export function bytesText(bytes: number): string {
  let value = bytes
  let unit = 0
  for (; value >= 1000 && unit < units.length - 1; unit += 1) value /= 1000
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`
}

export const countText = (count: number): string => count.toLocaleString('en-US')

/** `1 chunk`, `2,000 chunks`. */
export const countOf = (count: number, what: string): string => `${countText(count)} ${what}${count === 1 ? '' : 's'}`
