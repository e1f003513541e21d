import type { CsvEncoding } from './encoding.ts'

/** Called with the offset just behind a record's newline, counted from the start of the piece. */
export type OnRecordEnd = (end: number) => void

/** Finds where records end in CSV bytes, without looking into fields. Keeps its state from piece to piece. */
export interface CsvScanner {
  scan(piece: Buffer, onEnd: OnRecordEnd): void
  /** The bytes so far end inside a quoted field. */
  isInQuotes(): boolean
}

/**
 * COPY ends a record at a newline outside quotes, and takes every quote character as a toggle, also in the middle of an
 * unquoted field. `""` inside quotes toggles twice, which is why the scan needs no look-ahead and may be cut anywhere.
 * `newline` is the byte of `newlineOf`.
 */
export function createCsvScanner(encoding: CsvEncoding, newline: number): CsvScanner {
  if (encoding.multiLine === false) return lineScanner(newline)
  const quote = encoding.quote.charCodeAt(0)
  const escaping = encoding.escape.charCodeAt(0)
  return quote === escaping ? toggleScanner(quote, newline) : escapeScanner(quote, escaping, newline)
}

/** A quote that is open at a newline is a fault of that record, which the server finds. */
function lineScanner(newline: number): CsvScanner {
  return {
    isInQuotes: () => false,
    scan(piece, onEnd) {
      for (let at = piece.indexOf(newline); at !== -1; at = piece.indexOf(newline, at + 1)) onEnd(at + 1)
    },
  }
}

/** Hops from newline to newline and from quote to quote: `indexOf` runs at the speed of memory (perf.md §3). */
function toggleScanner(quote: number, newline: number): CsvScanner {
  let inQuotes = false
  return {
    isInQuotes: () => inQuotes,
    scan(piece, onEnd) {
      let at = 0
      let nextQuote = findFrom(piece, quote, 0)
      while (at < piece.length) {
        if (inQuotes) {
          if (nextQuote === piece.length) return
          inQuotes = false
          at = nextQuote + 1
          nextQuote = findFrom(piece, quote, at)
          continue
        }
        const nextNewline = findFrom(piece, newline, at)
        if (nextNewline < nextQuote) {
          onEnd(nextNewline + 1)
          at = nextNewline + 1
        } else {
          if (nextQuote === piece.length) return
          inQuotes = true
          at = nextQuote + 1
          nextQuote = findFrom(piece, quote, at)
        }
      }
    },
  }
}

function findFrom(piece: Buffer, byte: number, from: number): number {
  const found = piece.indexOf(byte, from)
  return found === -1 ? piece.length : found
}

/**
 * With an escape character of its own, a quote behind it inside quotes is data, and an escape behind an escape is data too:
 * the rule of CopyReadLineText in PostgreSQL's copy.c. Byte by byte, as such files are rare.
 */
function escapeScanner(quote: number, escaping: number, newline: number): CsvScanner {
  let inQuotes = false
  let escaped = false
  return {
    isInQuotes: () => inQuotes,
    scan(piece, onEnd) {
      for (let at = 0; at < piece.length; at += 1) {
        const byte = piece[at]
        if (inQuotes && byte === escaping) escaped = !escaped
        if (byte === quote && !escaped) inQuotes = !inQuotes
        if (byte !== escaping) escaped = false
        if (!inQuotes && byte === newline) onEnd(at + 1)
      }
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
  const first = { lf: -1, cr: -1 }
  createCsvScanner(encoding, lf).scan(head, (end) => {
    if (first.lf === -1) first.lf = end - 1
  })
  createCsvScanner(encoding, cr).scan(head, (end) => {
    if (first.cr === -1) first.cr = end - 1
  })
  if (first.cr === -1 || (first.lf !== -1 && first.lf <= first.cr + 1)) return first.lf === -1 ? null : lf
  // A carriage return at the very end of what is known may be half of a pair.
  return first.cr === head.length - 1 ? null : cr
}
