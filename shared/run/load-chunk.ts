import { countRecords, type RecordCount } from '../codecs/count-records.ts'
import { guardEndMarker } from '../codecs/end-marker.ts'
import type { Body, CopyTarget } from '../connectors/contract.ts'
import { TransferError } from '../errors/index.ts'
import * as ledger from '../ledger/index.ts'
import type { PutRecords } from '../load/put-records.ts'
import { isRecordError } from '../load/record-error.ts'
import type { Sql } from '../ports/index.ts'
import { dirtyPrefixOfChunk } from '../staging/keys.ts'
import { type OpenedChunk, openChunk } from './chunk-source.ts'
import { openDirtyGuard } from './dirty-limit.ts'
import { openDirtyLog, removeDirty } from './dirty-log.ts'
import { send } from './dispatch.ts'
import { isSameDatabase, openTarget } from './ends.ts'
import type { LoadEvent } from './events.ts'
import { isolateChunk } from './isolate-chunk.ts'
import { putInto } from './put-of.ts'
import { capped } from './rate-cap.ts'
import type { RunContext } from './run-context.ts'
import { finishIfComplete, sendChunkAfter } from './window.ts'

/**
 * Moves one chunk in one transaction: claim, COPY, counts. A chunk that is done already is only followed up, so a second
 * delivery, or a repeat after a crash behind the commit, sends what comes next and changes nothing.
 */
export async function loadChunk(context: RunContext, event: LoadEvent): Promise<void> {
  const id = { runId: context.run.runId, ordinal: event.ordinal, part: event.part }
  const chunk = await ledger.readChunk(context.sql, id)
  if (chunk === null) throw new TransferError('event/invalid', `run ${id.runId} has no chunk ${id.ordinal}.${id.part}`)
  const counts = chunk.done ? await ledger.readChunkDone(context.sql, id) : await moveChunk(context, id, chunk)
  context.world.reach('load/after-commit')
  // A generation before this one may have found dirty what went in now.
  if (counts?.dirty === 0 && event.generation > 0) await removeDirty(context.world.store, dirtyPrefixOfChunk(id))
  if (counts?.handedOver) await send(context, { step: 'load', ordinal: id.ordinal, part: id.part + 1 })
  else if ((await sendChunkAfter(context, id.ordinal)) === 'none') await finishIfComplete(context)
}

async function moveChunk(context: RunContext, id: ledger.ChunkId, chunk: ledger.ChunkRow): Promise<ledger.ChunkCounts> {
  await using target = await openTarget(context)
  if (target.kind !== 'copy') throw new TransferError('internal/bug', 'a chunk has no way into this destination')
  await using opened = await openChunk(context, id, chunk, target)
  if (isSameDatabase(target.connection, context.address))
    return await copyChunk(context, context.sql, id, chunk, target, opened)
  return await copyElsewhere(context, id, chunk, target, opened)
}

/** The claim commits with the rows, in their database; the ledger learns of it after, from there if need be. */
async function copyElsewhere(
  context: RunContext,
  id: ledger.ChunkId,
  chunk: ledger.ChunkRow,
  target: CopyTarget,
  opened: OpenedChunk,
): Promise<ledger.ChunkCounts> {
  await using session = await context.world.connectSql(target.connection, context.deadline.signal)
  await ledger.migrate(session, context.world.clock.now())
  const counts = await copyChunk(context, session, id, chunk, target, opened)
  await context.sql
    .transaction(async () => {
      await ledger.insertChunkDone(context.sql, id, counts, context.world.clock.now())
      if (counts.handedOver) await ledger.insertChunks(context.sql, id.runId, [opened.rest(counts)])
    })
    .catch(ignoreDuplicate)
  return counts
}

function ignoreDuplicate(error: unknown): void {
  if (!ledger.isDuplicate(error)) throw error
}

async function copyChunk(
  context: RunContext,
  sql: Sql,
  id: ledger.ChunkId,
  chunk: ledger.ChunkRow,
  target: CopyTarget,
  opened: OpenedChunk,
): Promise<ledger.ChunkCounts> {
  const shape = { encoding: opened.encoding, columns: await opened.columns() }
  const openPut = await putInto(context, sql, target, shape)
  const move = { context, sql, id, chunk, target, opened, openPut }
  try {
    return await inClaim(move, () => copyWhole(move))
  } catch (error) {
    if (!isOfRecord(error) && !isMiscount(error)) throw error
    context.log.info('a record was refused; the chunk is loaded record by record', { error: error.report() })
    return await inClaim(move, () => copyIsolating(move))
  }
}

interface Move {
  readonly context: RunContext
  readonly sql: Sql
  readonly id: ledger.ChunkId
  readonly chunk: ledger.ChunkRow
  readonly target: CopyTarget
  readonly opened: OpenedChunk
  /** Inside the transaction: a merge makes its temporary table there. */
  readonly openPut: () => Promise<PutRecords>
}

/**
 * The transaction of a chunk. Its first statement is the claim: a second delivery waits there until the first has ended,
 * and then fails on the key.
 */
async function inClaim(move: Move, copy: () => Promise<ledger.ChunkCounts>): Promise<ledger.ChunkCounts> {
  const { context, sql, id, opened } = move
  let claimed = false
  try {
    return await sql.transaction(async () => {
      await ledger.insertClaim(sql, id)
      claimed = true
      await ledger.lockRunShared(sql, id.runId)
      const counts = await copy()
      await refuseIfOver(context)
      await ledger.insertChunkDone(sql, id, counts, context.world.clock.now())
      if (counts.handedOver && sql === context.sql) await ledger.insertChunks(sql, id.runId, [opened.rest(counts)])
      context.world.reach('load/after-copy')
      return counts
    })
  } catch (error) {
    if (claimed || !ledger.isDuplicate(error)) throw error
    const counts = await ledger.readChunkDone(sql, id)
    if (counts === null)
      throw new TransferError(
        'internal/bug',
        'a chunk is claimed but not done',
        { ordinal: id.ordinal },
        { cause: error },
      )
    return counts
  }
}

/** Looked at under the shared lock, so that an ended run never gains a row (see `end` in finish-run.ts). */
async function refuseIfOver({ sql, run }: RunContext): Promise<void> {
  const halt = await ledger.readHalt(sql, run.runId, run.generation)
  if (halt !== null) throw new TransferError('run/stopped', `the run is ${halt}; this chunk was rolled back`)
}

async function copyWhole(move: Move): Promise<ledger.ChunkCounts> {
  const { context, opened } = move
  const put = await move.openPut()
  const { body, counted } = await readCounted(move, null)
  const picked = opened.projectorOf(body)?.stream(counted.body) ?? counted.body
  const { copied, loaded } = await put(guarded(body, picked), context.deadline.signal)
  const records = counted.records()
  // The tag of Greenplum counts rows that its row isolation rejected, but we ask for none; a difference is a lost row.
  if (copied !== records) throw countsDiffer(records, copied)
  refuseUnlessPlanned(move, records, counted.wasStopped())
  return { ...countsOf(counted), loaded, filtered: records - loaded }
}

/** @param maxRecordBytes null: the limit of the source, above which the COPY of the whole chunk ends */
async function readCounted({ context, opened }: Move, maxRecordBytes: number | null) {
  const body = await capped(context, 'load', await opened.read())
  const counted = countRecords(crashing(context, body), {
    ...body,
    maxRecordBytes: maxRecordBytes ?? body.maxRecordBytes,
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
})

const guarded = (body: Body, bytes: AsyncIterable<Uint8Array>) =>
  body.encoding.format === 'csv' ? guardEndMarker(bytes, body.encoding, body.newline) : bytes

async function* crashing({ world }: RunContext, { body }: Body): AsyncIterable<Uint8Array> {
  for await (const piece of body) {
    yield piece
    world.reach('load/mid-copy')
  }
}

/** A record that COPY or the way to it refused; found by loading the chunk record by record. */
const isOfRecord = (error: unknown): error is TransferError =>
  isRecordError(error) || (error instanceof TransferError && error.code.startsWith('record/'))

/** A trigger or rule of the table swallowed rows: record by record it shows which. */
const isMiscount = (error: unknown): error is TransferError =>
  error instanceof TransferError && error.code === 'run/counts-differ' && error.context.rows !== undefined

function countsDiffer(records: number, rows: number): TransferError {
  return new TransferError('run/counts-differ', `${records} records were sent, the server counted ${rows} rows`, {
    records,
    rows,
  })
}

function refuseUnlessPlanned({ chunk }: Move, records: number, stopped: boolean): void {
  if (stopped || chunk.records === null || chunk.records === records) return
  const message = `${chunk.records} records were planned, ${records} were read`
  throw new TransferError('run/counts-differ', message, { planned: chunk.records, read: records })
}

/** Read again from the start: the attempt before was rolled back. */
async function copyIsolating(move: Move): Promise<ledger.ChunkCounts> {
  const { context, sql, id, opened } = move
  const put = await move.openPut()
  const { body, counted } = await readCounted(move, Number.MAX_SAFE_INTEGER)
  const { length: fields } = await opened.columns()
  await using guard = openDirtyGuard(context, { step: 'load', ordinal: id.ordinal, part: id.part }, Math.max(1, fields))
  const dirty = openDirtyLog(context.world.store, dirtyPrefixOfChunk(id), guard)
  const projector = opened.projectorOf(body)
  const { loaded, superseded } = await isolateChunk(context, {
    sql,
    put,
    body: { ...body, body: counted.body },
    projector,
    dirty,
  })
  const read = counted.records()
  const accounted = loaded + superseded + dirty.count()
  if (read !== accounted) throw countsDiffer(read, accounted)
  refuseUnlessPlanned(move, read, counted.wasStopped())
  // Written before the commit: a dirty record that the ledger counts is never missing.
  const dirtyObject = await dirty.close()
  return { ...countsOf(counted), loaded, filtered: superseded, dirty: dirty.count(), dirtyObject }
}
