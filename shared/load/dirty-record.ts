import { isUtf8 } from 'node:buffer'
import * as z from 'zod'
import type { RawRecord } from '../codecs/records.ts'
import { type ErrorCode, errorCodes, type TransferError } from '../errors/index.ts'
import { sqlStateOf } from '../postgres/sql-errors.ts'

/** A line of `dirty/<run>/<chunk>.jsonl`: what was rejected, where it stood, and why (design §4.7). */
export const DirtyRecord = z.object({
  /** `oss://bucket/key` or the chunk's own name. */
  source: z.string(),
  /** Counted from 1, header lines left out. */
  record: z.number().int(),
  /** Byte offset in the source object. */
  offset: z.number().int(),
  column: z.string().nullable(),
  code: z.enum(errorCodes),
  sqlstate: z.string().nullable(),
  reason: z.string(),
  /** The record as it was sent; Base64 where it is not UTF-8. */
  raw: z.string(),
  rawEncoding: z.enum(['utf8', 'base64']),
})
export type DirtyRecord = z.infer<typeof DirtyRecord>

export interface Rejection {
  readonly record: RawRecord
  readonly error: TransferError
}

/** SQLSTATE classes whose fault lies in a row: data exceptions and constraint violations. */
export function isRecordFault(error: TransferError): boolean {
  return /^2[23]/.test(sqlStateOf(error) ?? '')
}

export function describeRejection(
  { record, error }: Rejection,
  place: { source: string; firstRecord: number; start: number },
): DirtyRecord {
  const utf8 = isUtf8(record.bytes)
  return {
    source: place.source,
    record: place.firstRecord + record.number - 1,
    offset: place.start + record.offset,
    column: typeof error.context.column === 'string' ? error.context.column : null,
    code: recordCodeOf(record, error),
    sqlstate: sqlStateOf(error),
    reason: error.message,
    raw: record.bytes.toString(utf8 ? 'utf8' : 'base64').replace(/\r?\n$/, ''),
    rawEncoding: utf8 ? 'utf8' : 'base64',
  }
}

export function recordCodeOf(record: RawRecord | null, error: TransferError): ErrorCode {
  const state = sqlStateOf(error) ?? ''
  if (record?.bytes.includes(0) === true && state.startsWith('22')) return 'record/nul-byte'
  if (state === '22021' || state === '22P05') return 'record/encoding'
  if (state === '22P04') return codeOfBadCopy(error.message)
  return state.startsWith('23') ? 'record/constraint' : 'record/format'
}

/** One SQLSTATE covers all that COPY finds wrong with the shape of a line. */
function codeOfBadCopy(message: string): ErrorCode {
  if (/unterminated CSV quoted field/i.test(message)) return 'record/unclosed-quote'
  return /missing data for column|extra data after last/i.test(message) ? 'record/column-count' : 'record/format'
}
