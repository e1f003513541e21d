import { isUtf8 } from 'node:buffer'
import type { RawRecord } from '../codecs/records.ts'
import type { Body } from '../connectors/contract.ts'
import type { DirtyRecord } from '../load/dirty-record.ts'
import type { RecordReason } from '../load/record-error.ts'

/** The line of `dirty/…jsonl`: numbers and offsets as they are in the source, not in the chunk. */
export function describeDirty(record: RawRecord, reason: RecordReason, origin: Body['origin']): DirtyRecord {
  const utf8 = isUtf8(record.bytes)
  return {
    source: origin.name,
    record: origin.firstRecord + record.number - 1,
    offset: origin.start + record.offset,
    column: reason.column,
    code: reason.code,
    sqlstate: reason.sqlstate,
    reason: reason.message,
    raw: utf8 ? record.bytes.toString('utf8').replace(/\r?\n$/, '') : record.bytes.toString('base64'),
    rawEncoding: utf8 ? 'utf8' : 'base64',
  }
}
