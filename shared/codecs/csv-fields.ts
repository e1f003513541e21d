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
export function csvFieldFinder(encoding: CsvEncoding, newline: number): FindCsvFields {
  const delimiter = encoding.delimiter.charCodeAt(0)
  const quote = encoding.quote.charCodeAt(0)
  const escaping = encoding.escape.charCodeAt(0)
  return escaping === quote
    ? togglingFinder(delimiter, quote, newline)
    : escapingFinder({ delimiter, quote, escaping, newline })
}

export type FindCsvFields = (bytes: Buffer, start: number, end: number) => CsvFields

/** Between quotes nothing counts but the next one, so they are hopped over; the rest holds delimiters alone. */
function togglingFinder(delimiter: number, quote: number, newline: number): FindCsvFields {
  const found = noFields()
  const nextQuote = quoteFinder(quote)
  const findDelimiters = delimiterFinder(delimiter)

  return (bytes, start, end) => {
    const lineEnd = lineEndOf(bytes, start, end, newline)
    found.count = 0
    let fieldStart = start
    for (let at = start; at < lineEnd; ) {
      const opened = nextQuote(bytes, at)
      fieldStart = findDelimiters(found, bytes, fieldStart, at, Math.min(opened, lineEnd))
      at = opened < lineEnd ? nextQuote(bytes, opened + 1) + 1 : lineEnd
    }
    return endOfFields(found, fieldStart, lineEnd)
  }
}

function endOfFields(found: CsvFields, fieldStart: number, lineEnd: number): CsvFields {
  found.starts[found.count] = fieldStart
  found.ends[found.count] = lineEnd
  found.count += 1
  found.lineEnd = lineEnd
  return found
}

/** Where the next quote is, at or behind a place; one search tells it of many records, as most hold none. */
function quoteFinder(quote: number) {
  let searched: Buffer | null = null
  let from = 0
  let next = 0
  return (bytes: Buffer, at: number): number => {
    if (bytes === searched && at >= from && at <= next) return next
    const place = bytes.indexOf(quote, at)
    searched = bytes
    from = at
    next = place === -1 ? bytes.length : place
    return next
  }
}

const noWords = new Uint32Array(0)

/**
 * Delimiters where there is no quote, four bytes at a time: `(x - 01 01 01 01) & ~x & 80 80 80 80` marks each byte of x that is
 * zero, and now and then one behind it, so that each is looked at again.
 */
function delimiterFinder(delimiter: number) {
  const pattern = Math.imul(delimiter, 0x01010101)
  let viewed: Buffer | null = null
  let words: Uint32Array = noWords
  /** Of the first word in the bytes. */
  let shift = 0
  const view = (bytes: Buffer) => {
    shift = (4 - (bytes.byteOffset & 3)) & 3
    const count = (bytes.length - shift) >> 2
    // Of bytes at the very end of their memory, the first word may lie behind it.
    words = count > 0 ? new Uint32Array(bytes.buffer, bytes.byteOffset + shift, count) : noWords
    viewed = bytes
  }
  /** Adds the fields that end between `from` and `to`. @returns where the field begins that does not */
  return (found: CsvFields, bytes: Buffer, openedAt: number, from: number, to: number): number => {
    if (bytes !== viewed) view(bytes)
    let { starts, ends, count } = found
    let fieldStart = openedAt
    let at = from
    if (count + spareFields > starts.length) ({ starts, ends } = growFields(found))
    const aligned = Math.min(to, from + ((shift - from) & 3))
    for (; at < aligned; at += 1) {
      if (bytes[at] !== delimiter) continue
      starts[count] = fieldStart
      ends[count++] = at
      fieldStart = at + 1
    }
    const lastWord = (to - shift) >> 2
    for (let word = (at - shift) >> 2; word < lastWord; word += 1) {
      const mixed = (words[word] as number) ^ pattern
      if (count + spareFields > starts.length) ({ starts, ends } = growFields(found))
      for (let marks = (mixed - 0x01010101) & ~mixed & 0x80808080; marks !== 0; marks &= marks - 1) {
        const place = shift + (word << 2) + ((31 - Math.clz32(marks & -marks)) >> 3)
        if (bytes[place] !== delimiter) continue
        starts[count] = fieldStart
        ends[count++] = place
        fieldStart = place + 1
      }
    }
    for (at = Math.max(at, shift + (lastWord << 2)); at < to; at += 1) {
      if (bytes[at] !== delimiter) continue
      starts[count] = fieldStart
      ends[count++] = at
      fieldStart = at + 1
    }
    found.count = count
    return fieldStart
  }
}

/** With an escape of its own, byte by byte: such files are rare. What is escaped is data; only a quote and the escape can be. */
function escapingFinder(bytesOf: {
  delimiter: number
  quote: number
  escaping: number
  newline: number
}): FindCsvFields {
  const { delimiter, quote, escaping, newline } = bytesOf
  const found = noFields()
  return (bytes, start, end) => {
    const lineEnd = lineEndOf(bytes, start, end, newline)
    let inQuotes = false
    let fieldStart = start
    found.count = 0
    for (let at = start; at < lineEnd; at += 1) {
      const byte = bytes[at]
      if (byte === quote) inQuotes = !inQuotes
      else if (inQuotes) {
        if (byte === escaping && (bytes[at + 1] === quote || bytes[at + 1] === escaping)) at += 1
      } else if (byte === delimiter) {
        if (found.count + spareFields > found.starts.length) growFields(found)
        found.starts[found.count] = fieldStart
        found.ends[found.count] = at
        found.count += 1
        fieldStart = at + 1
      }
    }
    return endOfFields(found, fieldStart, lineEnd)
  }
}

/** As many columns as a table of PostgreSQL may have; a broken record may have any number of fields. */
const usualFields = 1600
/** A word may end four fields; before and behind the words there may be three each, and one ends with the record. */
const spareFields = 16

export const noFields = (): CsvFields => ({
  count: 0,
  starts: new Int32Array(usualFields),
  ends: new Int32Array(usualFields),
  lineEnd: 0,
})

export function growFields(found: CsvFields): CsvFields {
  const { starts, ends } = found
  found.starts = new Int32Array(2 * starts.length)
  found.ends = new Int32Array(2 * ends.length)
  found.starts.set(starts)
  found.ends.set(ends)
  return found
}

/** Before `\n`, `\r\n` or `\r`, and at the end of a last record without any. */
export function lineEndOf(bytes: Buffer, start: number, end: number, newline: number): number {
  if (end === start || bytes[end - 1] !== newline) return end
  return newline === lf && end - 1 > start && bytes[end - 2] === cr ? end - 2 : end - 1
}
