import { TransferError } from '../errors/index.ts'
import { encodeCsvField } from './csv-encode.ts'
import { csvFieldFinder } from './csv-fields.ts'
import { createCsvScanner } from './csv-scan.ts'
import type { CsvEncoding } from './encoding.ts'

/**
 * How the fields of a record become columns, where they do not already lie in that order. `width` is the number of fields
 * of the file, null when it is not known; entry i says what column i is made of.
 */
export interface Projection {
  readonly width: number | null
  readonly fields: readonly ({ readonly index: number } | { readonly value: string | null })[]
}

export interface CsvProjector {
  /** @throws record/column-count */
  stream(body: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array>
  /** @returns null for a record that has too few fields, or another number of them than the file */
  record(bytes: Buffer): Buffer | null
}

/** What pg-copy-streams is fastest with (perf.md §2b). */
const outputBytes = 256 * 1024

/**
 * Picks fields of CSV records, in any order, and puts constants between them. A field is moved as it lies, with its quotes,
 * so the encoding stays the same and no text is ever made of one. Records end as they did.
 */
export function createCsvProjector(encoding: CsvEncoding, newline: number, projection: Projection): CsvProjector {
  const delimiter = encoding.delimiter.charCodeAt(0)
  const findFields = csvFieldFinder(encoding, newline)
  const { width, fields } = projection
  const sources = fields.map((field) =>
    'index' in field ? field.index : Buffer.from(encodeCsvField(field.value, encoding)),
  )
  const needed = 1 + Math.max(-1, ...sources.map((source) => (typeof source === 'number' ? source : -1)))

  /** As the record before ended, because COPY demands one style throughout. */
  let lineEnd = Buffer.from([newline])

  /** Writes one record to `out` at `at`. @returns where it ends; -1 when its fields are not those of the file */
  function write(bytes: Buffer, start: number, end: number, out: Buffer, at: number): number {
    const found = findFields(bytes, start, end)
    if (found.count < needed || (width !== null && found.count !== width)) return -1
    let to = at
    for (const [column, source] of sources.entries()) {
      if (column > 0) out[to++] = delimiter
      to =
        typeof source === 'number'
          ? copyBytes(bytes, found.starts[source] ?? end, found.ends[source] ?? end, out, to)
          : copyBytes(source, 0, source.length, out, to)
    }
    const ending = end - found.lineEnd
    if (ending > 0 && ending !== lineEnd.length) lineEnd = Buffer.from(bytes.subarray(found.lineEnd, end))
    // A last record without a line end, of which one empty field is picked, would be no bytes at all: no record.
    if (ending === 0 && to === at) return copyBytes(lineEnd, 0, lineEnd.length, out, to)
    return copyBytes(bytes, found.lineEnd, end, out, to)
  }

  const constantBytes = sources.reduce<number>(
    (sum, source) => sum + (typeof source === 'number' ? 0 : source.length),
    0,
  )
  /** A field may be picked several times. */
  const roomFor = (recordBytes: number) => recordBytes * sources.length + constantBytes + sources.length + 2

  return {
    record(bytes) {
      const out = Buffer.allocUnsafe(roomFor(bytes.length))
      const end = write(bytes, 0, bytes.length, out, 0)
      return end === -1 ? null : out.subarray(0, end)
    },
    async *stream(body) {
      const output = gathered()
      let records = 0
      for await (const whole of wholeRecords(body, encoding, newline)) {
        for (const [start, end] of whole.records) {
          records += 1
          const out = output.withRoom(roomFor(end - start))
          if (out.full !== null) yield out.full
          const next = write(whole.bytes, start, end, out.buffer, out.at)
          if (next === -1) throw otherFields(records)
          output.advanceTo(next)
        }
      }
      yield output.rest()
    },
  }
}

const otherFields = (record: number) =>
  new TransferError('record/column-count', `record ${record} of the chunk has not the fields of the file`, { record })

/** Field after field into a buffer that is handed on when it is full. */
function gathered() {
  let buffer = Buffer.allocUnsafe(outputBytes)
  let at = 0
  return {
    withRoom(bytes: number): { buffer: Buffer; at: number; full: Buffer | null } {
      if (at + bytes <= buffer.length) return { buffer, at, full: null }
      const full = at === 0 ? null : buffer.subarray(0, at)
      buffer = Buffer.allocUnsafe(Math.max(outputBytes, bytes))
      at = 0
      return { buffer, at, full }
    },
    advanceTo(next: number) {
      at = next
    },
    rest: () => buffer.subarray(0, at),
  }
}

/** Short runs byte by byte: a call of `copy` costs more than the bytes of a usual field. */
function copyBytes(from: Buffer, start: number, end: number, to: Buffer, at: number): number {
  if (end - start > 48) return at + from.copy(to, at, start, end)
  let next = at
  for (let read = start; read < end; read += 1) to[next++] = from[read] as number
  return next
}

interface WholeRecords {
  readonly bytes: Buffer
  readonly records: readonly (readonly [start: number, end: number])[]
}

/** Puts together what a piece cut apart; a record is bounded before (count-records.ts). */
async function* wholeRecords(
  body: AsyncIterable<Uint8Array>,
  encoding: CsvEncoding,
  newline: number,
): AsyncIterable<WholeRecords> {
  const scanner = createCsvScanner(encoding, newline)
  let open: Buffer[] = []
  for await (const raw of body) {
    const piece = Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength)
    const ends: number[] = []
    scanner.scan(piece, (end) => void ends.push(end))
    const last = ends.at(-1)
    if (last === undefined) {
      open.push(piece)
      continue
    }
    const held = open.reduce((sum, part) => sum + part.length, 0)
    const bytes = held === 0 ? piece : Buffer.concat([...open, piece.subarray(0, last)])
    yield { bytes, records: ends.map((end, index) => [index === 0 ? 0 : held + (ends[index - 1] ?? 0), held + end]) }
    open = last < piece.length ? [piece.subarray(last)] : []
  }
  const bytes = Buffer.concat(open)
  if (bytes.length > 0) yield { bytes, records: [[0, bytes.length]] }
}
