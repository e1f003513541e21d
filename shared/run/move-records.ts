import { countRecords, type RecordCount } from '../codecs/count-records.ts'
import type { Encoding } from '../codecs/encoding.ts'
import { guardEndMarker } from '../codecs/end-marker.ts'
import type { Body } from '../connectors/contract.ts'
import { TransferError } from '../errors/index.ts'
import type * as ledger from '../ledger/index.ts'
import type { PutRecords } from '../load/put-records.ts'
import { isRecordError } from '../load/record-error.ts'
import type { Sql } from '../ports/index.ts'
import type { Column } from '../schema/index.ts'
import type { OpenedChunk } from './chunk-source.ts'
import { capped } from './rate-cap.ts'
import type { RunContext } from './run-context.ts'

/** A chunk on its way into a destination, whatever that is, within the transaction of the chunk. */
export interface Move {
  readonly context: RunContext
  readonly id: ledger.ChunkId
  readonly chunk: ledger.ChunkRow
  readonly opened: OpenedChunk
  /** Asked before the connection was taken, as asking takes one too, and a datasource may allow but one. */
  readonly columns: readonly Column[]
  readonly sql: Pick<Sql, 'savepoint'>
  /** Inside the transaction: a merge makes its temporary table there. */
  readonly openPut: () => Promise<PutRecords>
}

/** All records of the chunk at once. @throws the refusal of a record, for `isDirtyChunk` to tell */
export async function moveWhole(move: Move): Promise<ledger.ChunkCounts> {
  const { context, opened, columns } = move
  const put = await move.openPut()
  const { body, counted } = await readCounted(move)
  const rewriter = opened.rewriterOf(body, columns)
  const sent = rewriter?.stream(counted.body) ?? counted.body
  const { copied, loaded } = await put(guarded(sent, opened.sent, body.newline), context.deadline.signal)
  const records = counted.records()
  const taken = records - (rewriter?.leftOut() ?? 0)
  // The tag of Greenplum counts rows that its row isolation rejected, but we ask for none; a difference is a lost row.
  if (copied !== taken) throw countsDiffer(taken, copied)
  refuseUnlessPlanned(move, records, counted.wasStopped())
  return { ...countsOf(counted), loaded, filtered: records - loaded }
}

async function readCounted({ context, opened }: Move) {
  const body = await capped(context, 'load', await opened.read())
  const counted = countRecords(crashing(context, body), {
    ...body,
    shouldStop: () => opened.canRest && context.world.clock.now() >= context.deadline.softAt,
  })
  return { body, counted }
}

const countsOf = (counted: RecordCount): ledger.ChunkCounts => ({
  read: counted.records(),
  loaded: 0,
  dirty: 0,
  filtered: 0,
  bytes: counted.bytes(),
  dirtyObject: null,
  handedOver: counted.wasStopped(),
  next: null,
})

export const guarded = (bytes: AsyncIterable<Uint8Array>, encoding: Encoding, newline: number) =>
  encoding.format === 'csv' ? guardEndMarker(bytes, encoding, newline) : bytes

export async function* crashing({ world }: RunContext, { body }: Body): AsyncIterable<Uint8Array> {
  for await (const piece of body) {
    yield piece
    world.reach('load/mid-copy')
  }
}

/** Whether loading record by record shows which record was refused or swallowed. */
export const isDirtyChunk = (error: unknown): error is TransferError => isOfRecord(error) || isMiscount(error)

/** A record that COPY or the way to it refused. */
const isOfRecord = (error: unknown): error is TransferError =>
  isRecordError(error) || (error instanceof TransferError && error.code.startsWith('record/'))

/** A trigger or rule of the table swallowed rows: record by record it shows which. */
const isMiscount = (error: unknown): error is TransferError =>
  error instanceof TransferError && error.code === 'run/counts-differ' && error.context.rows !== undefined

export function countsDiffer(records: number, rows: number): TransferError {
  return new TransferError('run/counts-differ', `${records} records were sent, the server counted ${rows} rows`, {
    records,
    rows,
  })
}

export function refuseUnlessPlanned({ chunk }: Move, records: number, stopped: boolean): void {
  if (stopped || chunk.records === null || chunk.records === records) return
  const message = `${chunk.records} records were planned, ${records} were read`
  throw new TransferError('run/counts-differ', message, { planned: chunk.records, read: records })
}
