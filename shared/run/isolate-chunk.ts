import type { CsvProjector } from '../codecs/csv-project.ts'
import { batchesOf, type RawRecord } from '../codecs/records.ts'
import type { Body } from '../connectors/contract.ts'
import { TransferError } from '../errors/index.ts'
import * as ledger from '../ledger/index.ts'
import type { DirtyRecord } from '../load/dirty-record.ts'
import { type Isolated, loadIsolating } from '../load/isolate.ts'
import type { SourceRecord } from '../load/look-ahead.ts'
import type { RecordReason } from '../load/record-error.ts'
import type { Sql } from '../ports/index.ts'
import { describeDirty } from './dirty.ts'
import type { DirtyLog } from './dirty-log.ts'
import { limitExceeded } from './reconcile.ts'
import type { RunContext } from './run-context.ts'

export interface ChunkIsolation {
  readonly sql: Sql
  readonly statement: string
  /** The counted bytes of the chunk, and what else is known of them. */
  readonly body: Body
  readonly projector: CsvProjector | null
  readonly dirty: DirtyLog
}

/**
 * Every record that COPY refuses is kept, with its place and reason, up to the limit of the job.
 * @throws record/limit-exceeded, or the reason of the record where none is allowed
 */
export async function isolateChunk(context: RunContext, isolation: ChunkIsolation): Promise<Isolated> {
  const { sql, statement, body, projector, dirty } = isolation
  const batches = batchesOf(body.body, { ...body, maxRecords: 20_000, maxBytes: 4 * 1024 * 1024 })
  try {
    return await loadIsolating(sql, {
      statement,
      records: sentRecords(batches, body, projector),
      onDirty: ({ source }, reason) => dirty.add(describeDirty(source, reason, body.origin)),
      limit: await allowedDirty(context),
      signal: context.deadline.signal,
    })
  } catch (error) {
    await dirty.close()
    throw asLimitError(context, error, dirty)
  }
}

/** A record as COPY is to get it, and as it lies in its source. */
interface SentRecord extends SourceRecord {
  readonly source: RawRecord
}

async function* sentRecords(
  batches: AsyncIterable<RawRecord[]>,
  body: Body,
  projector: CsvProjector | null,
): AsyncIterable<SentRecord[]> {
  for await (const batch of batches) yield batch.map((record) => asSent(record, body, projector))
}

function asSent(source: RawRecord, { encoding, maxRecordBytes }: Body, projector: CsvProjector | null): SentRecord {
  const { bytes, number, offset, length } = source
  const refused = (refusal: RecordReason) => ({ source, bytes, number, offset, refusal })
  if (source.isTooLarge) return refused(tooLarge(length, maxRecordBytes))
  const picked = projector === null ? bytes : projector.record(bytes)
  if (picked === null) return refused(otherFields)
  const quoted = encoding.format === 'csv' ? quotedMarker(picked, encoding.quote) : picked
  return { source, bytes: quoted, number, offset, refusal: null }
}

const tooLarge = (length: number, maxRecordBytes: number): RecordReason => ({
  code: 'record/too-large',
  message: `the record has ${length} bytes, maxRecordBytes allows ${maxRecordBytes}`,
  sqlstate: null,
  column: null,
})

const otherFields: RecordReason = {
  code: 'record/column-count',
  message: 'the record has another number of fields than the file, or too few',
  sqlstate: null,
  column: null,
}

/** As `guardEndMarker` does for a stream. */
function quotedMarker(bytes: Buffer, quote: string): Buffer {
  if (bytes.length > 4 || !/^\\\.\r?\n?$/.test(bytes.toString('latin1'))) return bytes
  return Buffer.from(`${quote}\\.${quote}${bytes.subarray(2).toString('latin1')}`)
}

/** What the limit leaves: other loaders' dirty records count while the run goes on. */
export async function allowedDirty({ sql, run }: RunContext): Promise<number | null> {
  const { record } = run.spec.settings.errorLimit
  if (record === null) return null
  const { dirty } = await ledger.countChunksDone(sql, run.runId)
  return Math.max(0, record - dirty)
}

/** Where no dirty record is allowed, the first one's own reason says more than the limit. */
export function asLimitError({ run }: RunContext, error: unknown, dirty: DirtyLog): unknown {
  if (!(error instanceof TransferError) || error.code !== 'record/limit-exceeded') return error
  const last = dirty.last()
  const { record: limit } = run.spec.settings.errorLimit
  if (last === null || limit === null) return error
  return limit > 0 ? overLimit(dirty.count(), limit, last) : ofRecord(last, error)
}

const placeOf = ({ source, record, offset, column, code }: DirtyRecord) => ({
  source,
  record,
  offset,
  column,
  reasonCode: code,
  dirtyObject: true,
})

const overLimit = (count: number, limit: number, last: DirtyRecord) =>
  new TransferError(
    'record/limit-exceeded',
    `${limitExceeded(count, String(limit)).message}; the last: ${last.reason}`,
    placeOf(last),
  )

const ofRecord = (last: DirtyRecord, cause: unknown) =>
  new TransferError(last.code, `record ${last.record} of ${last.source}: ${last.reason}`, placeOf(last), { cause })
