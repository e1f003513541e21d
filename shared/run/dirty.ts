import { isUtf8 } from 'node:buffer'
import type { RawRecord } from '../codecs/records.ts'
import type { Body, Origin } from '../connectors/contract.ts'
import type { DirtyRecord } from '../load/dirty-record.ts'
import type { RecordReason } from '../load/record-error.ts'

/** A longer record is shown by its beginning: its place says where the rest is. */
const maxRawBytes = 1024 * 1024

/** What a piece of work has to say of a record; the log adds whose it is. */
export interface Found extends Omit<DirtyRecord, 'piece'> {
  /** Which slice of a piece of several. */
  readonly part?: number
}

/** What of a body a record belongs to. */
export const originOf = ({ origin, originAt }: Pick<Body, 'origin' | 'originAt'>, { offset }: RawRecord): Origin =>
  originAt === undefined ? origin : originAt(offset)

/** The line of `dirty/…jsonl`: numbers and offsets as they are in the source, not in the chunk. */
export function describeDirty(record: RawRecord, reason: RecordReason, origin: Origin): Found {
  return {
    ...(origin.part === undefined ? {} : { part: origin.part }),
    source: origin.name,
    record: origin.firstRecord + record.number - 1,
    offset: origin.start === null ? null : origin.start + record.offset,
    bytes: record.length,
    column: reason.column,
    code: reason.code,
    sqlstate: reason.sqlstate,
    reason: reason.message,
    ...rawOf(record),
  }
}

function rawOf({ bytes, length }: RawRecord): Pick<DirtyRecord, 'raw' | 'rawEncoding'> {
  const kept = bytes.length > maxRawBytes ? bytes.subarray(0, maxRawBytes) : bytes
  const text = kept.length < length ? withoutTornCharacter(kept) : kept
  if (!isUtf8(text)) return { raw: kept.toString('base64'), rawEncoding: 'base64' }
  return { raw: text.toString('utf8').replace(/\r?\n$/, ''), rawEncoding: 'utf8' }
}

/** A cut may go through a character of up to four bytes. */
function withoutTornCharacter(bytes: Buffer): Buffer {
  for (let cut = 0; cut < 4; cut += 1) {
    const whole = bytes.subarray(0, bytes.length - cut)
    if (isUtf8(whole)) return whole
  }
  return bytes
}

export const tooLarge = (length: number, maxRecordBytes: number): RecordReason => ({
  code: 'record/too-large',
  message: `the record has ${length} bytes, maxRecordBytes allows ${maxRecordBytes}`,
  sqlstate: null,
  column: null,
})
