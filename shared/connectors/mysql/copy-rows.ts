import type { RawRecord } from '../../codecs/records.ts'
import type { RecordReason } from '../../load/record-error.ts'
import type { MysqlConnection, MysqlField, MysqlRowSink } from '../../ports/index.ts'
import { type WriteField, writerOf } from './copy-fields.ts'
import { conversionOf } from './field-types.ts'

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
      at = (writers[index] as WriteField)(bytes, from, from + length, out, at)
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
