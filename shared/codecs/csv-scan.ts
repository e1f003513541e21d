import type { CsvEncoding } from './encoding.ts'
import { lineScanner, longer, type RecordScanner, toggleScanner, usualRecords } from './simd/scanners.ts'

/**
 * COPY ends a record at a newline outside quotes, and takes every quote character as a toggle, also in the middle of an
 * unquoted field. `""` inside quotes toggles twice, which is why the scan needs no look-ahead and may be cut anywhere.
 * `newline` is the byte of `newlineOf`.
 */
export function createCsvScanner(encoding: CsvEncoding, newline: number): RecordScanner {
  // A quote that is open at a newline is a fault of that record, which the server finds.
  if (encoding.multiLine === false) return lineScanner(newline)
  const quote = encoding.quote.charCodeAt(0)
  const escaping = encoding.escape.charCodeAt(0)
  return quote === escaping ? toggleScanner(quote, newline) : escapeScanner(quote, escaping, newline)
}

/** Behind the first record of `bytes`; null when it is not whole. */
export function firstRecordEnd(bytes: Buffer, encoding: CsvEncoding, newline: number): number | null {
  return recordEnds(bytes, { encoding, newline, wanted: 1 })[0] ?? null
}

/** A record is short beside what is at hand. */
const firstLookBytes = 16 * 1024

/** Behind each of the first `wanted` records of `bytes`; fewer when so many are not whole. Looks at little more than those. */
export function recordEnds(
  bytes: Buffer,
  { encoding, newline, wanted }: { readonly encoding: CsvEncoding; readonly newline: number; readonly wanted: number },
): readonly number[] {
  const scanner = createCsvScanner(encoding, newline)
  const ends: number[] = []
  for (let at = 0; at < bytes.length && ends.length < wanted; at += firstLookBytes) {
    const { count, places } = scanner.find(bytes.subarray(at, at + firstLookBytes))
    for (const place of places.subarray(0, Math.min(count, wanted - ends.length))) ends.push(at + place)
  }
  return ends
}

/**
 * With an escape character of its own, a quote behind it inside quotes is data, and an escape behind an escape is data too:
 * the rule of CopyReadLineText in PostgreSQL's copy.c. Byte by byte, as such files are rare.
 */
function escapeScanner(quote: number, escaping: number, newline: number): RecordScanner {
  let inQuotes = false
  let escaped = false
  let atStart = true
  let places = new Int32Array(usualRecords)
  return {
    isInQuotes: () => inQuotes,
    find(piece) {
      let count = 0
      let mayBeginWithBackslash = false
      for (let at = 0; at < piece.length; at += 1) {
        const byte = piece[at]
        if (atStart && byte === 0x5c) mayBeginWithBackslash = true
        atStart = false
        if (inQuotes && byte === escaping) escaped = !escaped
        if (byte === quote && !escaped) inQuotes = !inQuotes
        if (byte !== escaping) escaped = false
        if (inQuotes || byte !== newline) continue
        if (count === places.length) places = longer(places, count + 1)
        places[count++] = at + 1
        atStart = true
      }
      return { count, places, mayBeginWithBackslash }
    },
  }
}

const lf = 0x0a
const cr = 0x0d

/**
 * The byte that ends records of a file, by its first record: a carriage return only where no line feed follows it.
 * null while `head` holds no whole record. COPY decides the same way.
 */
export function newlineOf(head: Buffer, encoding: CsvEncoding): number | null {
  const firstLf = (firstRecordEnd(head, encoding, lf) ?? 0) - 1
  const firstCr = (firstRecordEnd(head, encoding, cr) ?? 0) - 1
  if (firstCr === -1 || (firstLf !== -1 && firstLf <= firstCr + 1)) return firstLf === -1 ? null : lf
  // A carriage return at the very end of what is known may be half of a pair.
  return firstCr === head.length - 1 ? null : cr
}
