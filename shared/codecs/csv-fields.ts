import type { CsvEncoding } from './encoding.ts'

const lf = 0x0a
const cr = 0x0d

/** Where the fields of one record lie, with their quotes. */
export interface CsvFields {
  count: number
  starts: Int32Array
  ends: Int32Array
  /** Where the line end begins. */
  lineEnd: number
}

/** Finds the fields of one record by COPY's rules for quotes (csv-scan.ts). The answer is valid until the next call. */
export function csvFieldFinder(encoding: CsvEncoding, newline: number) {
  const delimiter = encoding.delimiter.charCodeAt(0)
  const quote = encoding.quote.charCodeAt(0)
  const escaping = encoding.escape.charCodeAt(0)
  const ownEscape = escaping !== quote
  const found = noFields()
  const quotes = quoteFinder(quote)

  return (bytes: Buffer, start: number, end: number): CsvFields => {
    let inQuotes = false
    let count = 0
    let fieldStart = start
    const lineEnd = lineEndOf(bytes, start, end, newline)
    let { starts, ends } = found
    const quoteAt = quotes.behind(bytes, start)
    for (let at = start; at < lineEnd; at += 1) {
      const byte = bytes[at]
      if (byte !== delimiter && at < quoteAt) continue
      if (byte === quote) inQuotes = !inQuotes
      else if (inQuotes) {
        // What is escaped is data, whatever it is; only a quote and the escape itself can be.
        if (ownEscape && byte === escaping && (bytes[at + 1] === quote || bytes[at + 1] === escaping)) at += 1
      } else if (byte === delimiter) {
        starts[count] = fieldStart
        ends[count] = at
        count += 1
        fieldStart = at + 1
        if (count < starts.length) continue
        growFields(found)
        ;({ starts, ends } = found)
      }
    }
    starts[count] = fieldStart
    ends[count] = lineEnd
    found.count = count + 1
    found.lineEnd = lineEnd
    return found
  }
}

/** Most records hold no quote: one search tells it of many, and their bytes are compared with the delimiter alone. */
function quoteFinder(quote: number) {
  let searched: Buffer | null = null
  let from = 0
  let found = 0
  return {
    behind(bytes: Buffer, start: number): number {
      if (bytes === searched && start >= from && start <= found) return found
      const next = bytes.indexOf(quote, start)
      found = next === -1 ? bytes.length : next
      from = start
      searched = bytes
      return found
    },
  }
}

/** As many columns as a table of PostgreSQL may have; a broken record may have any number of fields. */
const usualFields = 1600

export const noFields = (): CsvFields => ({
  count: 0,
  starts: new Int32Array(usualFields),
  ends: new Int32Array(usualFields),
  lineEnd: 0,
})

export function growFields(found: CsvFields): void {
  const longer = (numbers: Int32Array) => {
    const next = new Int32Array(2 * numbers.length)
    next.set(numbers)
    return next
  }
  found.starts = longer(found.starts)
  found.ends = longer(found.ends)
}

/** Before `\n`, `\r\n` or `\r`, and at the end of a last record without any. */
function lineEndOf(bytes: Buffer, start: number, end: number, newline: number): number {
  if (end === start || bytes[end - 1] !== newline) return end
  return newline === lf && end - 1 > start && bytes[end - 2] === cr ? end - 2 : end - 1
}
