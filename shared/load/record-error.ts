import type { ErrorCode } from '../errors/index.ts'
import { TransferError } from '../errors/index.ts'

export type RecordErrorCode = Extract<ErrorCode, `record/${string}`>

/** Why one record was refused. `message` holds no value of the record. */
export interface RecordReason {
  readonly code: RecordErrorCode
  readonly message: string
  readonly sqlstate: string | null
  readonly column: string | null
}

/*
 * Beside the classes for data and for constraints: a row too long for an index (54000), and one that a trigger of the
 * table refused (P0001). Another row may pass, so they are the record's fault as well.
 */
const singleStates: ReadonlySet<string> = new Set(['54000', 'P0001'])

/** What destinations other than PostgreSQL, whose SQLSTATE tells too little, say of a record themselves. */
const toldCodes: ReadonlySet<ErrorCode> = new Set([
  'record/format',
  'record/constraint',
  'record/column-count',
  'record/too-large',
])

/** Whether an error of COPY speaks of the rows sent, not of the connection, the rights, the table or the server. */
export function isRecordError(error: unknown): error is TransferError {
  if (error instanceof TransferError && toldCodes.has(error.code)) return true
  const state = error instanceof TransferError ? error.context.sqlstate : undefined
  return typeof state === 'string' && (/^2[23]/.test(state) || singleStates.has(state))
}

/** Why a record is dirty before any server has seen it. @throws an error that is of no record, as it came */
export function refusalOf(error: unknown): RecordReason {
  if (!(error instanceof TransferError) || !error.code.startsWith('record/')) throw error
  const { column } = error.context
  const named = typeof column === 'string' ? column : null
  return { code: error.code as RecordErrorCode, message: error.message, sqlstate: null, column: named }
}

/** @param error one for which `isRecordError` holds, from a COPY of this record alone */
export function reasonOf(error: TransferError): RecordReason {
  const { sqlstate, column } = error.context
  const isTold = toldCodes.has(error.code)
  return {
    code: isTold ? (error.code as RecordErrorCode) : codeOf(error, String(sqlstate)),
    message: error.message,
    sqlstate: typeof sqlstate === 'string' ? sqlstate : null,
    column: typeof column === 'string' ? column : null,
  }
}

/** What 22021 says of a NUL in every language; other bytes before it are the fault of the encoding, as in UTF-16. */
const endsWithNul = /: 0x00$/

function codeOf(error: TransferError, state: string): RecordErrorCode {
  if (state === '22021' && endsWithNul.test(error.message)) return 'record/nul-byte'
  if (state === '22021' || state === '22P05') return 'record/encoding'
  if (state === '22P04') return shapeCode(error)
  return state.startsWith('22') ? 'record/format' : 'record/constraint'
}

/**
 * 22P04 is one state for all faults of shape. Messages may be translated (only a superuser may set `lc_messages`), so
 * the server function that raised it decides where the English text does not.
 */
function shapeCode(error: TransferError): RecordErrorCode {
  if (/^(missing data for column|extra data after)/.test(error.message)) return 'record/column-count'
  if (/^unterminated CSV/.test(error.message)) return 'record/unclosed-quote'
  const cause = error.cause instanceof Error ? (error.cause as Error & { routine?: unknown }) : { routine: null }
  if (cause.routine === 'NextCopyFrom') return 'record/column-count'
  return cause.routine === 'CopyReadAttributesCSV' ? 'record/unclosed-quote' : 'record/format'
}

/**
 * A COPY that raised nothing and yet did not take one row for one record. It would be a row lost in silence
 * (design §4, promise 3), so the record counts as refused.
 */
export function miscounted(rows: number, record: Uint8Array): RecordReason {
  const isEnd = /^\\\.[\r\n]*$/.test(Buffer.from(record.subarray(0, 5)).toString('latin1'))
  const place = { sqlstate: null, column: null }
  if (isEnd) {
    return {
      ...place,
      code: 'record/format',
      message: 'a line that is only \\. ends the data for this server; quote the value',
    }
  }
  return rows === 0
    ? {
        ...place,
        code: 'record/constraint',
        message: 'the table took the row and kept none: a trigger or rule drops it',
      }
    : { ...place, code: 'record/format', message: `the server reads ${rows} rows in this record` }
}
