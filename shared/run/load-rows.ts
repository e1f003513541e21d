import type { RowTarget } from '../connectors/contract.ts'
import { TransferError } from '../errors/index.ts'
import * as ledger from '../ledger/index.ts'
import type { Column } from '../schema/index.ts'
import type { OpenedChunk } from './chunk-source.ts'
import { moveInBlocks } from './move-blocks.ts'
import { isDirtyChunk, type Move, moveWhole } from './move-records.ts'
import { type RunContext, refuseIfOver } from './run-context.ts'

/**
 * Moves one chunk into a destination that keeps no ledger of ours. Its transaction holds the rows and what it remembers of
 * the chunk; it commits inside the ledger's transaction, behind the row that counts the chunk. So of two deliveries at
 * once the ledger's key lets one through, and what a crash between the two commits leaves is found in the destination.
 */
export async function loadRows(
  context: RunContext,
  id: ledger.ChunkId,
  chunk: ledger.ChunkRow,
  target: RowTarget,
  opened: OpenedChunk,
  columns: readonly Column[],
): Promise<ledger.ChunkCounts> {
  await using rows = await target.openChunk(id)
  if (rows.before !== null) return await countBefore(context, id, opened, parseCounts(rows.before))
  const move: Move = { context, id, chunk, opened, columns, sql: rows, openPut: async () => rows.put }
  const counts = rows.isAtomic ? await moveRows(move) : await moveInBlocks(move, { maxAttemptRecords: 1 })
  try {
    await context.sql.transaction(async () => {
      await insertCounts(context, id, opened, counts)
      context.world.reach('load/after-copy')
      await rows.commit(JSON.stringify(counts))
      context.world.reach('load/between-commits')
    })
    return counts
  } catch (error) {
    if (!ledger.isDuplicate(error)) throw error
    return await countedElsewhere(context, id, error)
  }
}

async function moveRows(move: Move): Promise<ledger.ChunkCounts> {
  try {
    return await move.sql.savepoint(() => moveWhole(move))
  } catch (error) {
    if (!isDirtyChunk(error)) throw error
    move.context.log.info('a record was refused; the chunk is loaded block by block', { error: error.report() })
    return await moveInBlocks(move)
  }
}

/** The rows are there, and the ledger does not know yet: the delivery before this one died between two commits. */
async function countBefore(
  context: RunContext,
  id: ledger.ChunkId,
  opened: OpenedChunk,
  counts: ledger.ChunkCounts,
): Promise<ledger.ChunkCounts> {
  try {
    await context.sql.transaction(() => insertCounts(context, id, opened, counts))
  } catch (error) {
    if (!ledger.isDuplicate(error)) throw error
  }
  return counts
}

async function insertCounts(
  context: RunContext,
  id: ledger.ChunkId,
  opened: OpenedChunk,
  counts: ledger.ChunkCounts,
): Promise<void> {
  const { sql, world } = context
  await ledger.lockRunShared(sql, id.runId)
  await refuseIfOver(context)
  await ledger.insertChunkDone(sql, id, counts, world.clock.now())
  if (counts.handedOver) await ledger.insertChunks(sql, id.runId, [opened.rest(counts)])
}

async function countedElsewhere({ sql }: RunContext, id: ledger.ChunkId, cause: unknown): Promise<ledger.ChunkCounts> {
  const counts = await ledger.readChunkDone(sql, id)
  if (counts !== null) return counts
  throw new TransferError('internal/bug', 'a chunk is known and not done', { ordinal: id.ordinal }, { cause })
}

const parseCounts = (text: string): ledger.ChunkCounts => JSON.parse(text) as ledger.ChunkCounts
