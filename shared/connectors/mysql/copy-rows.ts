import type { RawRecord } from '../../codecs/records.ts'
import { TransferError } from '../../errors/index.ts'
import type { RecordReason } from '../../load/record-error.ts'
import type { MysqlConnection, MysqlField, MysqlRowSink } from '../../ports/index.ts'
import { type Conversion, conversionOf } from './field-types.ts'

export interface CopyRowsOptions extends Pick<MysqlConnection, 'timeZone' | 'zeroDates'> {
  readonly maxRecordBytes: number
  /** Columns of single precision that were read as doubles, by their place. */
  readonly floats: ReadonlySet<number>
}

/** A record that is left out of the bytes. */
export interface Refused {
  readonly record: RawRecord
  readonly reason: RecordReason
}

export interface CopyRows {
  readonly bytes: Buffer
  readonly refused: readonly Refused[]
}

/** What staging is fastest with: large enough that a pause of the socket costs nothing. */
const pieceBytes = 256 * 1024
const tab = 0x09
const lineFeed = 0x0a
const backslash = 0x5c
const nullMarker = 0xfb

/** What follows the backslash in COPY text, by the byte that is escaped; 0 for a byte that stands for itself. */
const escapes = new Uint8Array(256)
escapes[tab] = 0x74
escapes[lineFeed] = 0x6e
escapes[0x0d] = 0x72
escapes[backslash] = backslash

const hexDigits = Buffer.from('0123456789abcdef')

type Write = (from: Buffer, start: number, end: number, to: Buffer, at: number) => number

/**
 * Rows of the protocol, whose fields are text already, into COPY text: byte by byte, without a string per field. Values stay
 * exact, because none is ever a number of ours.
 */
export function openCopyRows(fields: readonly MysqlField[], options: CopyRowsOptions): MysqlRowSink<CopyRows> {
  const { maxRecordBytes } = options
  /** Why the record under way is dirty. */
  let refusal: Pick<RecordReason, 'code' | 'message'> | null = null
  const refuse = (code: RecordReason['code'], message: string) => {
    refusal ??= { code, message }
  }
  const writers = fields.map((field, index) =>
    writerOf(options.floats.has(index) ? 'float' : conversionOf(field), field, options, refuse),
  )
  /** Hex doubles bytes, escapes too; what is added to a field is bounded. */
  const roomFor = (rowBytes: number) => 2 * rowBytes + 80 * writers.length + 16
  let out = Buffer.allocUnsafe(pieceBytes + 4096)
  let at = 0
  let refused: Refused[] = []
  let refusedBytes = 0
  let number = 0
  let offset = 0

  function row(bytes: Buffer, start: number, end: number): void {
    number += 1
    if (end - start > maxRecordBytes) {
      setAsideLong(bytes, start, end)
      return
    }
    makeRoom(roomFor(end - start))
    const begin = at
    refusal = null
    const column = writeFields(bytes, start)
    out[at++] = lineFeed
    if (refusal === null && at - begin > maxRecordBytes) refuse('record/too-large', tooLong(at - begin))
    if (refusal !== null) setAside(begin, refusal, column)
    else offset += at - begin
  }

  /** @returns the first column that was refused */
  function writeFields(bytes: Buffer, start: number): string | null {
    let column: string | null = null
    let from = start
    for (let index = 0; index < writers.length; index += 1) {
      if (index > 0) out[at++] = tab
      const first = bytes[from] as number
      if (first === nullMarker) {
        from += 1
        out[at++] = backslash
        out[at++] = 0x4e
        continue
      }
      const head = first < nullMarker ? 1 : first === 0xfc ? 3 : first === 0xfd ? 4 : 9
      const length = head === 1 ? first : lengthAt(bytes, from + 1, head - 1)
      from += head
      at = (writers[index] as Write)(bytes, from, from + length, out, at)
      from += length
      if (refusal !== null && column === null) column = fields[index]?.name ?? null
    }
    return column
  }

  function makeRoom(bytes: number): void {
    if (at + bytes <= out.length) return
    const larger = Buffer.allocUnsafe(at + bytes)
    out.copy(larger, 0, 0, at)
    out = larger
  }

  const tooLong = (bytes: number) => `the record has ${bytes} bytes, maxRecordBytes allows ${maxRecordBytes}`

  function setAside(begin: number, why: Pick<RecordReason, 'code' | 'message'>, column: string | null): void {
    const isTooLarge = why.code === 'record/too-large'
    const bytes = Buffer.from(out.subarray(begin, isTooLarge ? begin + 4096 : at))
    keep({ bytes, length: at - begin, isTooLarge, number, offset }, { ...why, column, sqlstate: null })
    at = begin
  }

  /** What a row in the protocol weighs is about what its record would, or more; its beginning shows which it is. */
  function setAsideLong(bytes: Buffer, start: number, end: number): void {
    const kept = Buffer.from(bytes.subarray(start, start + 4096))
    const message = tooLong(end - start)
    const record = { bytes: kept, length: end - start, isTooLarge: true, number, offset }
    keep(record, { code: 'record/too-large', message, column: null, sqlstate: null })
  }

  function keep(record: RawRecord, reason: RecordReason): void {
    offset += record.length
    refused.push({ record, reason })
    refusedBytes += record.bytes.length
  }

  return {
    maxRowBytes: maxRecordBytes,
    row,
    isFull: () => at >= pieceBytes || refusedBytes >= pieceBytes || refused.length >= 1000,
    take() {
      const taken = { bytes: out.subarray(0, at), refused }
      out = Buffer.allocUnsafe(pieceBytes + 4096)
      at = 0
      refused = []
      refusedBytes = 0
      return taken
    },
  }
}

const lengthAt = (bytes: Buffer, at: number, size: number): number =>
  size === 8 ? Number(bytes.readBigUInt64LE(at)) : bytes.readUIntLE(at, size)

type Refuse = (code: RecordReason['code'], message: string) => void

/** @throws source/sql-failed for a geometry that the query did not turn into text */
function writerOf(
  conversion: Conversion | 'float',
  field: MysqlField,
  { timeZone, zeroDates }: CopyRowsOptions,
  refuse: Refuse,
): Write {
  if (conversion === 'as it is') return copyBytes
  if (conversion === 'bytes') return writeHex
  if (conversion === 'bits') return bitsWriter(field.length)
  if (conversion === 'flag') return (from, _start, end, to, at) => writeByte(to, at, 0x30 + ((from[end - 1] ?? 0) & 1))
  if (conversion === 'float') return writeFloat
  if (conversion === 'text') return textWriter(refuse)
  if (conversion === 'date') return dateWriter(Buffer.alloc(0), zeroDates, refuse)
  if (conversion === 'instant') return dateWriter(Buffer.from(timeZone), zeroDates, refuse)
  const message = `column ${field.name} is a geometry in the server's own form; write st_astext(…) around it`
  throw new TransferError('source/sql-failed', message, { column: field.name })
}

const writeByte = (to: Buffer, at: number, byte: number): number => {
  to[at] = byte
  return at + 1
}

/** Short runs byte by byte: a call of `copy` costs more than the bytes of a usual field. */
function copyBytes(from: Buffer, start: number, end: number, to: Buffer, at: number): number {
  if (end - start > 48) return at + from.copy(to, at, start, end)
  let next = at
  for (let read = start; read < end; read += 1) to[next++] = from[read] as number
  return next
}

/** PostgreSQL's text cannot hold a NUL; it stays in the record that is set aside, to be seen there. */
function textWriter(refuse: Refuse): Write {
  return (from, start, end, to, at) => {
    let next = at
    for (let read = start; read < end; read += 1) {
      const byte = from[read] as number
      const escaped = escapes[byte] as number
      if (escaped !== 0) {
        to[next++] = backslash
        to[next++] = escaped
      } else {
        if (byte === 0) refuse('record/nul-byte', 'the text holds a NUL character, which PostgreSQL cannot keep')
        to[next++] = byte
      }
    }
    return next
  }
}

/** bytea as hex: `\x` and digits, the backslash escaped for COPY. */
function writeHex(from: Buffer, start: number, end: number, to: Buffer, at: number): number {
  to[at] = backslash
  to[at + 1] = backslash
  to[at + 2] = 0x78
  let next = at + 3
  for (let read = start; read < end; read += 1) {
    const byte = from[read] as number
    to[next++] = hexDigits[byte >> 4] as number
    to[next++] = hexDigits[byte & 15] as number
  }
  return next
}

/**
 * `B0101`: PostgreSQL's own mark for bits, so that a number column refuses them, where bare digits would become another
 * number in silence. One bit alone is `0` or `1`, which boolean, integer and bit(1) take alike.
 */
function bitsWriter(bits: number): Write {
  return (from, _start, end, to, at) => {
    to[at] = 0x42
    for (let bit = 0; bit < bits; bit += 1) {
      const byte = from[end - 1 - (bit >> 3)] ?? 0
      to[at + bits - bit] = 0x30 + ((byte >> (bit & 7)) & 1)
    }
    return at + bits + 1
  }
}

const zeroDate = Buffer.from('0000-00-00')
const firstDate = Buffer.from('0001-01-01')

/** `suffix`: the offset of an instant. A date with a zero month or day alone goes on, and the destination refuses it. */
function dateWriter(suffix: Buffer, zeroDates: MysqlConnection['zeroDates'], refuse: Refuse): Write {
  return (from, start, end, to, at) => {
    // Years below 1000 are rare; only they begin with a zero.
    const isZero = from[start] === 0x30 && from.compare(zeroDate, 0, 10, start, start + 10) === 0
    if (isZero && zeroDates === 'convertToNull') {
      to[at] = backslash
      to[at + 1] = 0x4e
      return at + 2
    }
    if (isZero && zeroDates === 'exception') refuse('record/format', 'the zero date 0000-00-00 is no date')
    const next = copyBytes(from, start, end, to, at)
    if (isZero && zeroDates === 'round') firstDate.copy(to, at)
    return copyBytes(suffix, 0, suffix.length, to, next)
  }
}

/** The server prints a FLOAT with six digits; read as a double it has all, of which the shortest form is enough. */
function writeFloat(from: Buffer, start: number, end: number, to: Buffer, at: number): number {
  const single = Number(from.toString('latin1', start, end))
  const text = Object.is(single, -0) ? '-0' : shortest(single)
  return at + to.write(text, at, 'latin1')
}

function shortest(single: number): string {
  for (let digits = 6; digits < 9; digits += 1) {
    const text = single.toPrecision(digits)
    if (Math.fround(Number(text)) === single) return String(Number(text))
  }
  return String(Number(single.toPrecision(9)))
}
