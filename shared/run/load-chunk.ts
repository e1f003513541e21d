import type { CopyTarget } from '../connectors/contract.ts'
import { TransferError } from '../errors/index.ts'
import * as ledger from '../ledger/index.ts'
import type { Sql } from '../ports/index.ts'
import { takeSlot } from '../postgres/connection-slots.ts'
import type { Column } from '../schema/index.ts'
import { dirtyPrefixOfChunk } from '../staging/keys.ts'
import { type OpenedChunk, openChunk } from './chunk-source.ts'
import { removeDirty } from './dirty-log.ts'
import { send } from './dispatch.ts'
import { isSameDatabase, openTarget } from './ends.ts'
import type { LoadEvent } from './events.ts'
import { type ClaimChunk, loadGathered } from './load-gathered.ts'
import { loadFromItsStart, moveFromStart } from './load-guessed.ts'
import { loadRows } from './load-rows.ts'
import { type MovedCounts, moveInBlocks } from './move-blocks.ts'
import { isDirtyChunk, type Move, moveWhole } from './move-records.ts'
import { putOf } from './put-of.ts'
import { type RunContext, refuseIfOver } from './run-context.ts'
import { isAtomic } from './run-staging.ts'
import { sendOneWaiting } from './slot-waits.ts'
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
  await afterLoading(context, id, event.generation, counts)
  if (counts?.handedOver) await send(context, { step: 'load', ordinal: id.ordinal, part: id.part + 1 })
  else if ((await sendChunkAfter(context, id.ordinal)) === 'none') await finishIfComplete(context)
}

export async function afterLoading(
  context: RunContext,
  id: ledger.ChunkId,
  generation: number,
  counts: ledger.ChunkCounts | null,
): Promise<void> {
  context.world.reach('load/after-commit')
  await sendOneWaiting(context)
  // A generation before this one may have found dirty what went in now.
  if (counts?.dirty === 0 && generation > 0) await removeDirty(context.world.store, dirtyPrefixOfChunk(id))
}

async function moveChunk(context: RunContext, id: ledger.ChunkId, chunk: ledger.ChunkRow): Promise<ledger.ChunkCounts> {
  await using target = await openTarget(context)
  if (target.kind === 'object') throw new TransferError('internal/bug', 'a chunk has no way into this destination')
  await using opened = await openChunk(context, id, chunk, target)
  if (target.kind === 'rows') return await loadRows(context, id, chunk, target, opened, await opened.columns())
  return await loadFromItsStart(context, id, opened, (one) => moveOpened(context, id, chunk, target, one))
}

/** Moves a chunk whose bytes are at hand by COPY. */
export async function moveOpened(
  context: RunContext,
  id: ledger.ChunkId,
  chunk: ledger.ChunkRow,
  target: CopyTarget,
  opened: OpenedChunk,
): Promise<ledger.ChunkCounts> {
  const isHere = isSameDatabase(target.connection, context.address)
  const columns = await opened.columns(isHere ? context.sql : undefined)
  if (!isHere) return await copyElsewhere(context, id, chunk, target, opened, columns)
  await using _slot = await takeSlot(context.sql, target.connection)
  return await copyChunk(context, context.sql, id, chunk, target, opened, columns)
}

/** The claim commits with the rows, in their database; the ledger learns of it after, from there if need be. */
async function copyElsewhere(
  context: RunContext,
  id: ledger.ChunkId,
  chunk: ledger.ChunkRow,
  target: CopyTarget,
  opened: OpenedChunk,
  columns: readonly Column[],
): Promise<ledger.ChunkCounts> {
  await using session = await context.world.connectSql(target.connection, context.deadline.signal)
  await ledger.migrate(session, context.world.clock.now())
  const counts = await copyChunk(context, session, id, chunk, target, opened, columns)
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
  columns: readonly Column[],
): Promise<ledger.ChunkCounts> {
  const names = columns.map(({ name }) => name)
  const openPut = await putOf(context, sql, target, { encoding: opened.sent, columns: names })
  const move = { context, sql, id, chunk, opened, columns, openPut }
  const claim: ClaimChunk = (some, copy) => inClaim({ ...move, ...some }, copy)
  if (context.run.trigger.type === 'objects') return await loadGathered(move, target, claim)
  if (target.conflict === null || isAtomic(target)) return await inClaim(move, () => moveFromStart(move))
  // A merge costs the same for many records as for few, so it is tried with all of them first.
  try {
    return await inClaim(move, () => moveWhole(move))
  } catch (error) {
    if (!isDirtyChunk(error)) throw error
    context.log.info('a record was refused; the chunk is merged block by block', { error: error.report() })
    return await inClaim(move, () => moveInBlocks(move))
  }
}

/**
 * The transaction of a chunk. Its first statement is the claim: a second delivery waits there until the first has ended,
 * and then fails on the key.
 */
async function inClaim(
  move: Move & { readonly sql: Sql },
  copy: () => Promise<MovedCounts>,
): Promise<ledger.ChunkCounts> {
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
      if (counts.dirtyParts !== undefined) await ledger.insertPartDirty(sql, id, counts.dirtyParts)
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
