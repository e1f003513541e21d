import type { RawRecord } from '../../codecs/records.ts'
import type { RecordReason } from '../../load/record-error.ts'
import type { MysqlConnection, MysqlField, MysqlRowSink } from '../../ports/index.ts'
import { copyBytes, type WriteField, writerOf } from './copy-fields.ts'
import { conversionOf } from './field-types.ts'
import { findUnchangedOf } from './unchanged-fields.ts'

export interface CopyRowsOptions extends Pick<MysqlConnection, 'timeZone' | 'zeroDates'> {
  readonly maxRecordBytes: number
  /** Columns of single precision that were read as doubles, by their place. */
  readonly floats: ReadonlySet<number>
  /** What is taken is used until the next row comes, no longer. */
  readonly lent: boolean
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
/** Rows that come when a piece is full (MysqlRowSink) make it no larger than this, if they grow by little. */
const usualBytes = pieceBytes + 80 * 1024
/** Where a piece begins, as something may be written before it (`writeFields`). */
const pieceStart = 1
const tab = 0x09
const lineFeed = 0x0a
const backslash = 0x5c
const nullMarker = 0xfb

/**
 * Rows of the protocol, whose fields are text already, into COPY text, without a string per field. Values stay exact, because
 * none is ever a number of ours.
 */
export function openCopyRows(fields: readonly MysqlField[], options: CopyRowsOptions): MysqlRowSink<CopyRows> {
  const { maxRecordBytes } = options
  /** Why the record under way is dirty. */
  let refusal: Pick<RecordReason, 'code' | 'message'> | null = null
  const refuse = (code: RecordReason['code'], message: string) => {
    refusal ??= { code, message }
  }
  const conversions = fields.map((field, index) => (options.floats.has(index) ? 'float' : conversionOf(field)))
  const writers = fields.map((field, index) => writerOf(conversions[index] ?? 'text', field, options, refuse))
  const findUnchanged = findUnchangedOf(conversions)
  /** Hex doubles bytes, escapes too; what is added to a field is bounded. */
  const roomFor = (rowBytes: number) => 2 * rowBytes + 80 * writers.length + 16
  let out = Buffer.allocUnsafe(usualBytes)
  let at = pieceStart
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
    let index = 0
    // The tab before the first field goes where the line before ends.
    const begin = at
    at -= 1
    while (index < writers.length) {
      const changed = findUnchanged(bytes, from, index)
      index += copyUnchanged(bytes, from, changed)
      from = changed
      if (index === writers.length) break
      from = writeField(bytes, from, index)
      if (refusal !== null && column === null) column = fields[index]?.name ?? null
      index += 1
    }
    out[begin - 1] = lineFeed
    return column
  }

  /** Puts tabs in the place of lengths. @returns how many fields these are */
  function copyUnchanged(bytes: Buffer, from: number, end: number): number {
    const to = out
    const shift = at - from
    let count = 0
    copyBytes(bytes, from, end, to, at)
    for (let length = from; length < end; length += 1 + (bytes[length] as number)) {
      to[length + shift] = tab
      count += 1
    }
    at = end + shift
    return count
  }

  /** @returns where the next field begins */
  function writeField(bytes: Buffer, from: number, index: number): number {
    out[at++] = tab
    const first = bytes[from] as number
    if (first === nullMarker) {
      out[at++] = backslash
      out[at++] = 0x4e
      return from + 1
    }
    const head = first < nullMarker ? 1 : first === 0xfc ? 3 : first === 0xfd ? 4 : 9
    const start = from + head
    const end = start + (head === 1 ? first : lengthAt(bytes, from + 1, head - 1))
    at = (writers[index] as WriteField)(bytes, start, end, out, at)
    return end
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
    isFull: () => at - pieceStart >= pieceBytes || refusedBytes >= pieceBytes || refused.length >= 1000,
    take() {
      const taken = { bytes: out.subarray(pieceStart, at), refused }
      if (!options.lent || out.length > usualBytes) out = Buffer.allocUnsafe(usualBytes)
      at = pieceStart
      refused = []
      refusedBytes = 0
      return taken
    },
  }
}

const lengthAt = (bytes: Buffer, at: number, size: number): number =>
  size === 8 ? Number(bytes.readBigUInt64LE(at)) : bytes.readUIntLE(at, size)
