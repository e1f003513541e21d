import { countRecords } from '../codecs/count-records.ts'
import { guardEndMarker } from '../codecs/end-marker.ts'
import { batchesOf, type RawRecord } from '../codecs/records.ts'
import type { Body, CopyTarget } from '../connectors/contract.ts'
import { TransferError } from '../errors/index.ts'
import * as ledger from '../ledger/index.ts'
import { copyFromStatement } from '../load/copy-statement.ts'
import type { DirtyRecord } from '../load/dirty-record.ts'
import { loadIsolating } from '../load/isolate.ts'
import { isRecordError } from '../load/record-error.ts'
import type { Sql } from '../ports/index.ts'
import { dirtyKey } from '../staging/keys.ts'
import { type OpenedChunk, openChunk } from './chunk-source.ts'
import { describeDirty } from './dirty.ts'
import { send } from './dispatch.ts'
import { isSameDatabase, openTarget } from './ends.ts'
import type { LoadEvent } from './events.ts'
import { limitExceeded } from './reconcile.ts'
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
  const statement = copyFromStatement(target.table, await opened.columns(), opened.encoding)
  const move = { context, sql, id, chunk, target, opened, statement }
  try {
    return await inClaim(move, () => copyWhole(move))
  } catch (error) {
    if (!isRecordError(error) && !isMiscount(error)) throw error
    context.log.info('COPY refused a record; the chunk is loaded record by record', {
      sqlstate: error.context.sqlstate ?? null,
    })
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
  readonly statement: string
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
  const { context, sql, opened, statement } = move
  const body = await opened.read()
  const counted = countRecords(crashing(context, body), {
    ...body,
    shouldStop: () => opened.canRest && context.world.clock.now() >= context.deadline.softAt,
  })
  const { rows } = await sql.copyIn(statement, guarded(body, counted.body), context.deadline.signal)
  const records = counted.records()
  // The tag of Greenplum counts rows that its row isolation rejected, but we ask for none; a difference is a lost row.
  if (rows !== records) throw countsDiffer(records, rows)
  refuseUnlessPlanned(move, records, counted.wasStopped())
  const handedOver = counted.wasStopped()
  return { read: records, loaded: rows, dirty: 0, filtered: 0, bytes: counted.bytes(), dirtyObject: null, handedOver }
}

const guarded = (body: Body, bytes: AsyncIterable<Uint8Array>) =>
  body.encoding.format === 'csv' ? guardEndMarker(bytes, body.encoding, body.newline) : bytes

async function* crashing({ world }: RunContext, { body }: Body): AsyncIterable<Uint8Array> {
  for await (const piece of body) {
    yield piece
    world.reach('load/mid-copy')
  }
}

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

/** Every record that COPY refuses is kept, with its place and reason, up to the limit of the job. */
async function copyIsolating(move: Move): Promise<ledger.ChunkCounts> {
  const { context, sql, id, opened, statement } = move
  const body = await opened.read()
  const counted = countRecords(crashing(context, body), {
    ...body,
    shouldStop: () => opened.canRest && context.world.clock.now() >= context.deadline.softAt,
  })
  const dirty: DirtyRecord[] = []
  const allowed = await allowedDirty(context)
  const records = quotedMarkers(
    batchesOf(counted.body, { ...body, maxRecords: 20_000, maxBytes: 4 * 1024 * 1024 }),
    body,
  )
  let loaded = 0
  try {
    const onDirty = (record: Parameters<typeof describeDirty>[0], reason: Parameters<typeof describeDirty>[1]) =>
      void dirty.push(describeDirty(record, reason, body.origin))
    ;({ loaded } = await loadIsolating(sql, {
      statement,
      records,
      onDirty,
      limit: allowed,
      signal: context.deadline.signal,
    }))
  } catch (error) {
    await keepDirty(context, id, dirty)
    throw await asLimitError(context, error, dirty)
  }
  const read = counted.records()
  if (read !== loaded + dirty.length) throw countsDiffer(read, loaded + dirty.length)
  refuseUnlessPlanned(move, read, counted.wasStopped())
  const dirtyObject = await keepDirty(context, id, dirty)
  return {
    read,
    loaded,
    dirty: dirty.length,
    filtered: 0,
    bytes: counted.bytes(),
    dirtyObject,
    handedOver: counted.wasStopped(),
  }
}

/** As `guardEndMarker` does for a stream, but here the record keeps its offset in the source. */
async function* quotedMarkers(batches: AsyncIterable<RawRecord[]>, { encoding }: Body): AsyncIterable<RawRecord[]> {
  for await (const batch of batches)
    yield encoding.format === 'csv' ? batch.map((record) => quotedMarker(record, encoding.quote)) : batch
}

function quotedMarker(record: RawRecord, quote: string): RawRecord {
  if (record.bytes.length > 4 || !/^\\\.\r?\n?$/.test(record.bytes.toString('latin1'))) return record
  return { ...record, bytes: Buffer.from(`${quote}\\.${quote}${record.bytes.subarray(2).toString('latin1')}`) }
}

/** What the limit leaves to this chunk: other loaders' dirty records count while the run goes on. */
async function allowedDirty({ sql, run }: RunContext): Promise<number | null> {
  const { record } = run.spec.settings.errorLimit
  if (record === null) return null
  const { dirty } = await ledger.countChunksDone(sql, run.runId)
  return Math.max(0, record - dirty)
}

/** Written before the commit under a key made of the chunk, so that a repeat writes the same object. */
async function keepDirty(
  { world }: RunContext,
  id: ledger.ChunkId,
  dirty: readonly DirtyRecord[],
): Promise<string | null> {
  if (dirty.length === 0) return null
  const key = dirtyKey(id)
  const lines = dirty.map((record) => `${JSON.stringify(record)}\n`).join('')
  await world.store.put(key, Buffer.from(lines), { contentType: 'application/x-ndjson' })
  return key
}

/** Where no dirty record is allowed, the first one's own reason says more than the limit. */
async function asLimitError({ run }: RunContext, error: unknown, dirty: readonly DirtyRecord[]): Promise<unknown> {
  if (!(error instanceof TransferError) || error.code !== 'record/limit-exceeded') return error
  const last = dirty.at(-1)
  const { record: limit } = run.spec.settings.errorLimit
  if (last === undefined || limit === null) return error
  const { source, record, offset, column, code, reason } = last
  const place = { source, record, offset, column, reasonCode: code, dirtyObject: true }
  if (limit > 0)
    return new TransferError(
      'record/limit-exceeded',
      `${limitExceeded(dirty.length, String(limit)).message}; the last: ${reason}`,
      place,
    )
  return new TransferError(code, `record ${record} of ${source}: ${reason}`, place, { cause: error })
}
