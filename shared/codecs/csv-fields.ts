import type { CsvEncoding } from './encoding.ts'

const lf = 0x0a
const cr = 0x0d

/** Where the fields of one record lie, with their quotes. */
export interface CsvFields {
  count: number
  readonly starts: number[]
  readonly ends: number[]
  /** Where the line end begins. */
  lineEnd: number
}

/** Finds the fields of one record by COPY's rules for quotes (csv-scan.ts). The answer is valid until the next call. */
export function csvFieldFinder(encoding: CsvEncoding, newline: number) {
  const delimiter = encoding.delimiter.charCodeAt(0)
  const quote = encoding.quote.charCodeAt(0)
  const escaping = encoding.escape.charCodeAt(0)
  const ownEscape = escaping !== quote
  const found: CsvFields = { count: 0, starts: [], ends: [], lineEnd: 0 }

  return (bytes: Buffer, start: number, end: number): CsvFields => {
    let inQuotes = false
    let count = 0
    let fieldStart = start
    const lineEnd = lineEndOf(bytes, start, end, newline)
    for (let at = start; at < lineEnd; at += 1) {
      const byte = bytes[at]
      if (byte === quote) inQuotes = !inQuotes
      else if (inQuotes) {
        // What is escaped is data, whatever it is; only a quote and the escape itself can be.
        if (ownEscape && byte === escaping && (bytes[at + 1] === quote || bytes[at + 1] === escaping)) at += 1
      } else if (byte === delimiter) {
        found.starts[count] = fieldStart
        found.ends[count] = at
        count += 1
        fieldStart = at + 1
      }
    }
    found.starts[count] = fieldStart
    found.ends[count] = lineEnd
    found.count = count + 1
    found.lineEnd = lineEnd
    return found
  }
}

/** Before `\n`, `\r\n` or `\r`, and at the end of a last record without any. */
function lineEndOf(bytes: Buffer, start: number, end: number, newline: number): number {
  if (end === start || bytes[end - 1] !== newline) return end
  return newline === lf && end - 1 > start && bytes[end - 2] === cr ? end - 2 : end - 1
}
