import { createCsvScanner } from './csv-scan.ts'
import type { CsvEncoding } from './encoding.ts'

/** A line that is only this ends the data of a COPY. */
export const endMarker = Buffer.from('\\.')
const lineEnds = new Set([0x0a, 0x0d])

/**
 * Before PostgreSQL 18, COPY takes a CSV line that is only `\.` as the end of the data and drops the rest without a word.
 * Quoted it is an ordinary field, so that is how it is sent. Everything else passes untouched; the common case costs one
 * search per piece.
 */
export async function* guardEndMarker(
  body: AsyncIterable<Uint8Array>,
  encoding: CsvEncoding,
  newline: number,
): AsyncIterable<Uint8Array> {
  const scanner = createCsvScanner(encoding, newline)
  let held: Buffer = Buffer.alloc(0)
  let atRecordStart = true
  for await (const raw of body) {
    const fresh = Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength)
    const piece = held.length === 0 ? fresh : Buffer.concat([held, fresh])
    const { starts, tail } = candidates(piece, atRecordStart, scanner)
    // At most two bytes; a copy, as the piece may be lent.
    held = Buffer.from(piece.subarray(tail))
    yield* quoted(piece.subarray(0, tail), starts, encoding.quote)
    atRecordStart = starts.endsAtStart
  }
  if (atRecordStart && held.equals(endMarker)) yield Buffer.from(`${encoding.quote}\\.${encoding.quote}`)
  else if (held.length > 0) yield held
}

interface Starts {
  readonly markers: readonly number[]
  readonly endsAtStart: boolean
}

/**
 * Records of the piece that are the marker. A beginning of one at the very end is held back until the next piece tells;
 * what is held back has not been scanned.
 */
function candidates(
  piece: Buffer,
  atStart: boolean,
  scanner: ReturnType<typeof createCsvScanner>,
): { starts: Starts; tail: number } {
  const tail = holdFrom(piece)
  const { count, places } = scanner.find(piece.subarray(0, tail))
  const recordStarts = [...(atStart ? [0] : []), ...places.subarray(0, count)]
  const endsAtStart = tail === 0 ? atStart : recordStarts.at(-1) === tail
  if (piece.indexOf(endMarker) === -1) return { starts: { markers: [], endsAtStart }, tail }
  const markers = recordStarts.filter(
    (at) => at + 2 <= tail && piece.compare(endMarker, 0, 2, at, at + 2) === 0 && lineEnds.has(piece[at + 2] ?? -1),
  )
  return { starts: { markers, endsAtStart }, tail }
}

/** `\` or `\.` at the end of a piece could be the start of a marker. */
function holdFrom(piece: Buffer): number {
  if (piece.length >= 2 && piece.compare(endMarker, 0, 2, piece.length - 2) === 0) return piece.length - 2
  return piece.at(-1) === 0x5c ? piece.length - 1 : piece.length
}

function* quoted(piece: Buffer, { markers }: Starts, quote: string): Iterable<Buffer> {
  let from = 0
  for (const at of markers) {
    if (at > from) yield piece.subarray(from, at)
    yield Buffer.from(`${quote}\\.${quote}`)
    from = at + 2
  }
  if (from < piece.length) yield piece.subarray(from)
}
