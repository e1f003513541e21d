import { oneAhead } from '../codecs/one-ahead.ts'
import { type BlockOrRecord, blockInMemory, blocksOf } from '../codecs/record-blocks.ts'
import type * as ledger from '../ledger/index.ts'
import { dirtyPrefixOfChunk } from '../staging/keys.ts'
import { borrowBlockBuffers, makeRoomFor } from './block-buffers.ts'
import type { GuessedStart } from './chunk-start.ts'
import { type DirtyGuard, openDirtyGuard } from './dirty-limit.ts'
import { openDirtyLog } from './dirty-log.ts'
import { holdDirty } from './held-dirty.ts'
import { type BlockMove, moveBlockOrRecord } from './move-block.ts'
import { countsDiffer, crashing, type Move, refuseUnlessPlanned } from './move-records.ts'
import { capped, isCapped } from './rate-cap.ts'
import { openScreen } from './screen.ts'

/*
 * What is put at once: while no record was refused, what makes the cost of a savepoint and a COPY small (1.5 ms, perf.md §8);
 * then so much that a block is likely to hold one bad record, as it is sent up to there again. Two blocks are in memory.
 */
const cleanBlockBytes = 8 * 1024 * 1024
/** A cold read of 8 MB takes 30 ms, in which the server has nothing to do. */
const firstBlockBytes = 1024 * 1024
const dirtyBlockBytes = 2 * 1024 * 1024
const leastBlockBytes = 64 * 1024
/** A second of COPYs, and a megabyte of what is made of them. */
const suspectsAtOnce = 1000
/** A block of a source that is slow, or held to a cap, goes on its way after so long: the destination sees the cap too. */
const gatherWithinMs = 250

/**
 * Moves a chunk block by block, each in a savepoint. Of a block that is refused, what lies before a bad record is
 * sent again and the record looked at alone; every bad one is kept, with its place and reason.
 * @throws record/limit-exceeded, or the reason of the record where none is allowed
 */
export async function moveInBlocks(
  move: Move,
  { maxAttemptRecords, keeping = keepingOf(move), guess }: BlockOptions = {},
): Promise<MovedCounts> {
  const { context, opened, columns } = move
  const put = await move.openPut()
  // Blocks are copies; what holds a run to its cap keeps pieces.
  const body = await capped(context, 'load', await opened.read({ lent: !isCapped(context) }))
  await using guard = keeping.openGuard()
  const log = openDirtyLog(context.world.store, keeping.prefix, guard)
  const allowsNone = context.run.spec.settings.errorLimit.record === 0
  const dirty = guess === undefined ? log : holdDirty(log, guess, allowsNone)
  try {
    const screen = openScreen(body, opened.rewriterOf(body, columns) === null ? columns : null)
    const moved = await moveAll({ ...move, put, body, dirty, screen, maxAttemptRecords, suspectsAtOnce })
    // Written before the commit: a dirty record that the ledger counts is never missing.
    const dirtyObject = dirty.count() === 0 ? null : await dirty.close()
    return { ...moved, dirty: dirty.count(), dirtyObject, dirtyParts: dirty.byPart(), next: null }
  } catch (error) {
    // Kept also of a run that fails, which is when people look at them; after a guess they are looked at again.
    if (dirty.count() > 0 && guess === undefined) await dirty.close()
    throw error
  }
}

export interface BlockOptions {
  /** Of a destination that takes back nothing: records that may be put together. */
  readonly maxAttemptRecords?: number
  /** Unset: those of a chunk are kept together, and its run is held to the limit. */
  readonly keeping?: Keeping
  /** Of a chunk that may begin elsewhere. */
  readonly guess?: GuessedStart
}

/** Where dirty records go, and who says when there are too many. */
export interface Keeping {
  readonly prefix: string
  openGuard(): DirtyGuard
}

export interface MovedCounts extends ledger.ChunkCounts {
  /** Of a chunk of several slices: dirty records of those that have any. */
  readonly dirtyParts?: ReadonlyMap<number, number>
}

const keepingOf = ({ context, id, columns }: Move): Keeping => ({
  prefix: dirtyPrefixOfChunk(id),
  openGuard: () =>
    openDirtyGuard(context, { step: 'load', ordinal: id.ordinal, part: id.part }, Math.max(1, columns.length)),
})

type ChunkMoved = Omit<ledger.ChunkCounts, 'dirty' | 'dirtyObject' | 'next'>

async function moveAll(move: BlockMove): Promise<ChunkMoved> {
  const { context, body, dirty } = move
  let blockBytes = cleanBlockBytes
  const targetBytes = (gatheredMs: number) => (isOutOfTime(move) || gatheredMs > gatherWithinMs ? 0 : blockBytes)
  const moved = { read: 0, loaded: 0, filtered: 0, bytes: 0, handedOver: false }
  const { buffers, giveBack } = borrowBlockBuffers()
  const blocks =
    body.inMemory === undefined
      ? blocksOf(crashing(context, body), { ...body, targetBytes, firstBytes: firstBlockBytes, buffers })
      : blockInMemory(crashing(context, body), { ...body, ...body.inMemory })
  for await (const next of oneAhead(lookedOver(blocks, move))) {
    if (moved.read > 0 && isOutOfTime(move)) {
      moved.handedOver = true
      break
    }
    if ('block' in next) makeRoomFor(next.block.bytes.length)
    const { loaded, filtered, refused, left } = await moveBlockOrRecord(move, next, () => isOutOfTime(move))
    blockBytes = nextBlockBytes(blockBytes, refused)
    moved.read += ('block' in next ? next.block.records : 1) - left.records
    moved.bytes += ('block' in next ? next.block.bytes.length : next.tooLarge.length) - left.bytes
    moved.loaded += loaded
    moved.filtered += filtered
    if (left.records > 0) {
      moved.handedOver = true
      break
    }
  }
  // Not behind a failure: what was cut off may still be on its way out of them.
  giveBack()
  const accounted = moved.loaded + moved.filtered + dirty.count()
  if (moved.read !== accounted) throw countsDiffer(moved.read, accounted)
  refuseUnlessPlanned(move, moved.read, moved.handedOver)
  return moved
}

async function* lookedOver(
  blocks: AsyncIterable<BlockOrRecord>,
  { screen, suspectsAtOnce }: Pick<BlockMove, 'screen' | 'suspectsAtOnce'>,
): AsyncIterable<BlockOrRecord> {
  for await (const next of blocks) {
    if ('block' in next) await screen.lookAhead(next.block, suspectsAtOnce)
    yield next
  }
}

/** @param refused how often the block before, or a part of it, was sent for nothing; the first time teaches something */
function nextBlockBytes(blockBytes: number, refused: number): number {
  if (refused > 1) return Math.max(leastBlockBytes, Math.min(dirtyBlockBytes, blockBytes / refused))
  return blockBytes >= dirtyBlockBytes ? blockBytes : blockBytes * 2
}

const isOutOfTime = ({ context, opened }: Move) =>
  opened.canRest && context.world.clock.now() >= context.deadline.softAt
