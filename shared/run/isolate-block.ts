import { type RecordBlock, streamOf } from '../codecs/record-blocks.ts'
import type { RecordRewriter } from '../codecs/record-rewriter.ts'
import { batchesOf, type RawRecord } from '../codecs/records.ts'
import type { Body } from '../connectors/contract.ts'
import { type Isolated, loadIsolating } from '../load/isolate.ts'
import type { SourceRecord } from '../load/look-ahead.ts'
import type { PutRecords } from '../load/put-records.ts'
import { type RecordReason, refusalOf } from '../load/record-error.ts'
import type { Sql } from '../ports/index.ts'
import { describeDirty, originOf, tooLarge } from './dirty.ts'
import type { DirtyLog } from './dirty-log.ts'

export interface BlockIsolation {
  readonly sql: Pick<Sql, 'savepoint'>
  readonly put: PutRecords
  readonly body: Pick<Body, 'encoding' | 'newline' | 'maxRecordBytes' | 'origin' | 'originAt'>
  readonly rewriter: RecordRewriter | null
  readonly dirty: DirtyLog
  /** Records that may be put together. */
  readonly maxAttemptRecords?: number
  readonly signal: AbortSignal
}

/**
 * Loads the records of a block; every one that COPY refuses is kept, with its place and reason.
 * @throws record/limit-exceeded, or the reason of the record where none is allowed
 */
export async function isolateBlock(block: RecordBlock, isolation: BlockIsolation): Promise<Isolated> {
  const { sql, put, body, rewriter, dirty, maxAttemptRecords, signal } = isolation
  return await loadIsolating(sql, {
    put,
    records: sentRecords(recordsOf(block, body), body, rewriter),
    onDirty: ({ source }, reason) => dirty.add(describeDirty(source, reason, originOf(body, source))),
    ...(maxAttemptRecords === undefined ? {} : { maxAttemptRecords }),
    signal,
  })
}

/** Placed as they are in the body. */
async function* recordsOf(block: RecordBlock, body: BlockIsolation['body']): AsyncIterable<RawRecord[]> {
  const bounds = { maxRecords: 1000, maxBytes: 1024 * 1024 }
  for await (const batch of batchesOf(streamOf(block), { ...body, ...bounds }))
    yield batch.map((record) => ({
      ...record,
      number: record.number + block.before.records,
      offset: record.offset + block.before.bytes,
    }))
}

/** A record as COPY is to get it, and as it lies in its source. */
interface SentRecord extends SourceRecord {
  readonly source: RawRecord
}

async function* sentRecords(
  batches: AsyncIterable<RawRecord[]>,
  body: BlockIsolation['body'],
  rewriter: RecordRewriter | null,
): AsyncIterable<SentRecord[]> {
  for await (const batch of batches)
    yield batch.map((record) => asSent(record, body, rewriter)).filter((sent) => sent !== null)
}

/** What COPY is sent of a record, or why it is not sent at all; null: it is left out. */
export function asSent(
  source: RawRecord,
  { encoding, maxRecordBytes }: Pick<Body, 'encoding' | 'maxRecordBytes'>,
  rewriter: RecordRewriter | null,
): SentRecord | null {
  const { bytes, number, offset, length } = source
  const refused = (refusal: RecordReason) => ({ source, bytes, number, offset, refusal })
  if (source.isTooLarge) return refused(tooLarge(length, maxRecordBytes))
  try {
    const written = rewriter === null ? bytes : rewriter.record(bytes)
    if (written === null) return null
    const form = rewriter?.encoding ?? encoding
    const sent = form.format === 'csv' ? quotedMarker(withLineFeed(written), form.quote) : written
    return { source, bytes: sent, number, offset, refusal: null }
  } catch (error) {
    return refused(refusalOf(error))
  }
}

/** COPY demands one style of line ends in a file, though not in each: sent as they are, such records went in one by one. */
function withLineFeed(bytes: Buffer): Buffer {
  if (bytes.at(-1) !== 0x0a || bytes.at(-2) !== 0x0d) return bytes
  return Buffer.concat([bytes.subarray(0, -2), bytes.subarray(-1)])
}

/** As `guardEndMarker` does for a stream. */
function quotedMarker(bytes: Buffer, quote: string): Buffer {
  if (bytes.length > 4 || !/^\\\.\r?\n?$/.test(bytes.toString('latin1'))) return bytes
  return Buffer.from(`${quote}\\.${quote}${bytes.subarray(2).toString('latin1')}`)
}
