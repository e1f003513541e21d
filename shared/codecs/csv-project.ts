import { TransferError } from '../errors/index.ts'
import { encodeCsvField } from './csv-encode.ts'
import { csvFieldFinder, lineEndOf } from './csv-fields.ts'
import type { CsvEncoding } from './encoding.ts'
import type { RecordRewriter } from './record-rewriter.ts'
import { type Part, recordProjector } from './simd/project-records.ts'
import { type WholeRecords, wholeRecords } from './whole-records.ts'

/**
 * How the fields of a record become columns, where they do not already lie in that order. `width` is the number of fields
 * of the file, null when it is not known; entry i says what column i is made of.
 */
export interface Projection {
  readonly width: number | null
  readonly fields: readonly ({ readonly index: number } | { readonly value: string | null })[]
}

/** What the program gives at once (memory.ts); more than pg-copy-streams is fastest with (perf.md §2b). */
const outputBytes = 512 * 1024

/**
 * Picks fields of CSV records, in any order, and puts constants between them. A field is moved as it lies, with its quotes,
 * so the encoding stays the same and no text is ever made of one. Records end as they did.
 * @returns a rewriter that throws record/column-count for too few fields, or another number of them than the file has
 */
export function createCsvProjector(encoding: CsvEncoding, newline: number, projection: Projection): RecordRewriter {
  const delimiter = encoding.delimiter.charCodeAt(0)
  const findFields = csvFieldFinder(encoding, newline)
  const { width, fields } = projection
  const sources = fields.map((field) =>
    'index' in field ? field.index : Buffer.from(encodeCsvField(field.value, encoding)),
  )
  const needed = 1 + Math.max(-1, ...sources.map((source) => (typeof source === 'number' ? source : -1)))

  const parts = partsOf(sources)

  /** As the record before ended, because COPY demands one style throughout. */
  let lineEnd = Buffer.from([newline])

  function keepEnding(bytes: Buffer, start: number, end: number): void {
    const from = lineEndOf(bytes, start, end, newline)
    if (from < end && end - from !== lineEnd.length) lineEnd = Buffer.from(bytes.subarray(from, end))
  }

  /** Writes one record to `out` at `at`. @returns where it ends; -1 when its fields are not those of the file */
  function write(bytes: Buffer, start: number, end: number, out: Buffer, at: number): number {
    const found = findFields(bytes, start, end)
    if (found.count < needed || (width !== null && found.count !== width)) return -1
    const { starts, ends } = found
    let to = at
    for (let index = 0; index < parts.length; index += 1) {
      const part = parts[index] as Part
      if (index > 0) out[to++] = delimiter
      to =
        part.constant === null
          ? copyBytes(bytes, starts[part.first] as number, ends[part.last] as number, out, to)
          : copyBytes(part.constant, 0, part.constant.length, out, to)
    }
    keepEnding(bytes, start, end)
    const ending = end - found.lineEnd
    // A last record without a line end, of which one empty field is picked, would be no bytes at all: no record.
    if (ending === 0 && to === at) return copyBytes(lineEnd, 0, lineEnd.length, out, to)
    return copyBytes(bytes, found.lineEnd, end, out, to)
  }

  const constantBytes = sources.reduce<number>(
    (sum, source) => sum + (typeof source === 'number' ? 0 : source.length),
    0,
  )
  const room = {
    factor: mostRepeated(sources),
    more: constantBytes + sources.length + 2,
  }
  const roomFor = (recordBytes: number) => recordBytes * room.factor + room.more

  const projectSome =
    encoding.escape === encoding.quote
      ? recordProjector({
          parts,
          needed,
          width,
          room,
          bytes: { quote: encoding.quote.charCodeAt(0), delimiter, newline },
          endsInQuotes: encoding.multiLine === false,
        })
      : null

  return {
    encoding,
    leftOut: () => 0,
    record(bytes) {
      const out = Buffer.allocUnsafe(roomFor(bytes.length))
      const end = write(bytes, 0, bytes.length, out, 0)
      if (end === -1) throw otherFields(null)
      return out.subarray(0, end)
    },
    async *stream(body) {
      const { fill, output, begin } = writing()
      for await (const whole of wholeRecords(body, encoding, newline)) {
        for (let next = fill(whole, 0); next < whole.count; next = fill(whole, next)) {
          if (output().length > 0) yield output()
          begin(whole, next)
        }
      }
      if (output().length > 0) yield output()
    },
  }

  /** Record after record into one buffer, which is used again. */
  function writing() {
    let out: Buffer = Buffer.allocUnsafeSlow(outputBytes)
    let at = 0
    let records = 0
    return {
      /** @returns the first record that has no room */
      fill({ bytes, count, ends }: WholeRecords, first: number): number {
        let start = first === 0 ? 0 : (ends[first - 1] as number)
        if (at === 0 && projectSome !== null) {
          const some = projectSome(bytes.subarray(start, ends[count - 1]), out)
          records += some.records
          if (some.isRefused) throw otherFields(records + 1)
          at = some.written
          if (some.records > 0) {
            const last = first + some.records - 1
            keepEnding(bytes, last === 0 ? 0 : (ends[last - 1] as number), ends[last] as number)
            return last + 1
          }
        }
        for (let index = first; index < count; index += 1) {
          const end = ends[index] as number
          if (at + roomFor(end - start) > out.length) return index
          records += 1
          const next = write(bytes, start, end, out, at)
          if (next === -1) throw otherFields(records)
          at = next
          start = end
        }
        return count
      },
      output: (): Buffer => out.subarray(0, at),
      begin({ ends }: WholeRecords, index: number): void {
        at = 0
        const room = roomFor((ends[index] as number) - (index === 0 ? 0 : (ends[index - 1] as number)))
        if (room > out.length) out = Buffer.allocUnsafeSlow(room)
      },
    }
  }
}

/** A field may be picked several times, each with all of its bytes. */
function mostRepeated(sources: readonly (number | Buffer)[]): number {
  const times = new Map<number, number>()
  for (const source of sources) if (typeof source === 'number') times.set(source, (times.get(source) ?? 0) + 1)
  return Math.max(1, ...times.values())
}

function partsOf(sources: readonly (number | Buffer)[]): readonly Part[] {
  const parts: Part[] = []
  for (const source of sources) {
    const before = parts.at(-1)
    if (typeof source !== 'number') parts.push({ first: -1, last: -1, constant: source })
    else if (before?.constant === null && before.last + 1 === source)
      parts[parts.length - 1] = { ...before, last: source }
    else parts.push({ first: source, last: source, constant: null })
  }
  return parts
}

/** @param record counted from the start of the chunk; null: it is known to the caller */
function otherFields(record: number | null): TransferError {
  const which = record === null ? 'the record' : `record ${record} of the chunk`
  const message = `${which} has another number of fields than the file, or too few`
  return new TransferError('record/column-count', message, record === null ? {} : { record })
}

/** Short runs byte by byte: a call of `copy` costs more than the bytes of a usual field. */
function copyBytes(from: Buffer, start: number, end: number, to: Buffer, at: number): number {
  if (end - start > 48) return at + from.copy(to, at, start, end)
  let next = at
  for (let read = start; read < end; read += 1) to[next++] = from[read] as number
  return next
}
