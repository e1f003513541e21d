import { type BlockOrRecord, blocksOf, cutAtLine, type RecordBlock, streamOf } from '../codecs/record-blocks.ts'
import type { Body } from '../connectors/contract.ts'
import type * as ledger from '../ledger/index.ts'
import type { PutRecords } from '../load/put-records.ts'
import { dirtyPrefixOfChunk } from '../staging/keys.ts'
import { describeDirty, tooLarge } from './dirty.ts'
import { openDirtyGuard } from './dirty-limit.ts'
import { type DirtyLog, openDirtyLog } from './dirty-log.ts'
import { isolateBlock } from './isolate-block.ts'
import { countsDiffer, crashing, guarded, isDirtyChunk, type Move, refuseUnlessPlanned } from './move-records.ts'
import { capped } from './rate-cap.ts'

/*
 * What is put at once: while no record was refused, what makes the cost of a savepoint and a COPY small (1.5 ms, perf.md §8);
 * then so much that a block is likely to hold one bad record, as it is sent up to there again. Two blocks are in memory.
 */
const cleanBlockBytes = 8 * 1024 * 1024
const dirtyBlockBytes = 2 * 1024 * 1024
const leastBlockBytes = 64 * 1024

/** So often a block is cut where the server points; beyond, its records are looked at each. */
const maxCuts = 8

interface BlockMove extends Move {
  readonly put: PutRecords
  readonly body: Body
  readonly dirty: DirtyLog
  readonly maxAttemptRecords: number | undefined
}

/**
 * Moves a chunk block by block, each in a savepoint. Of a block that is refused, only what lies around the bad records is
 * sent again and looked at record by record; every bad one is kept, with its place and reason.
 * @param maxAttemptRecords of a destination that takes back nothing: records that may be put together
 * @throws record/limit-exceeded, or the reason of the record where none is allowed
 */
export async function moveInBlocks(move: Move, maxAttemptRecords?: number): Promise<ledger.ChunkCounts> {
  const { context, id, opened, columns } = move
  const put = await move.openPut()
  const body = await capped(context, 'load', await opened.read())
  await using guard = openDirtyGuard(
    context,
    { step: 'load', ordinal: id.ordinal, part: id.part },
    Math.max(1, columns.length),
  )
  const dirty = openDirtyLog(context.world.store, dirtyPrefixOfChunk(id), guard)
  try {
    const moved = await moveAll({ ...move, put, body, dirty, maxAttemptRecords })
    // Written before the commit: a dirty record that the ledger counts is never missing.
    return { ...moved, dirty: dirty.count(), dirtyObject: await dirty.close() }
  } catch (error) {
    // Kept also of a run that fails, which is when people look at them.
    await dirty.close()
    throw error
  }
}

type Moved = Omit<ledger.ChunkCounts, 'dirty' | 'dirtyObject'>

async function moveAll(move: BlockMove): Promise<Moved> {
  const { context, body, dirty } = move
  let blockBytes = cleanBlockBytes
  const targetBytes = () => (isOutOfTime(move) ? 0 : blockBytes)
  const moved = { read: 0, loaded: 0, filtered: 0, bytes: 0, handedOver: false }
  for await (const next of oneAhead(blocksOf(crashing(context, body), { ...body, targetBytes }))) {
    if (moved.read > 0 && isOutOfTime(move)) {
      moved.handedOver = true
      break
    }
    const dirtyBefore = dirty.count()
    const { loaded, filtered } = await moveOne(move, next)
    blockBytes = nextBlockBytes(blockBytes, dirty.count() - dirtyBefore)
    moved.read += 'block' in next ? next.block.records : 1
    moved.bytes += 'block' in next ? next.block.bytes : next.tooLarge.length
    moved.loaded += loaded
    moved.filtered += filtered
  }
  const accounted = moved.loaded + moved.filtered + dirty.count()
  if (moved.read !== accounted) throw countsDiffer(moved.read, accounted)
  refuseUnlessPlanned(move, moved.read, moved.handedOver)
  return moved
}

/** @param dirty how many records of the block before were */
function nextBlockBytes(blockBytes: number, dirty: number): number {
  if (dirty > 0) return Math.max(leastBlockBytes, Math.min(dirtyBlockBytes, blockBytes / dirty))
  return blockBytes >= dirtyBlockBytes ? blockBytes : blockBytes * 2
}

const isOutOfTime = ({ context, opened }: Move) =>
  opened.canRest && context.world.clock.now() >= context.deadline.softAt

/** The next one is read while the server takes the one before it. */
async function* oneAhead<T>(source: AsyncIterable<T>): AsyncIterable<T> {
  const items = source[Symbol.asyncIterator]()
  const pull = () => {
    const pulled = items.next()
    // It is awaited later, or not at all after a failure before it; either way it is not unhandled.
    pulled.catch(() => undefined)
    return pulled
  }
  let next = pull()
  try {
    for (;;) {
      const { done, value } = await next
      if (done === true) return
      next = pull()
      yield value
    }
  } finally {
    await next.catch(() => undefined)
    await items.return?.()
  }
}

type Loaded = Pick<ledger.ChunkCounts, 'loaded' | 'filtered'>

async function moveOne(move: BlockMove, next: BlockOrRecord): Promise<Loaded> {
  if ('block' in next)
    return move.maxAttemptRecords === undefined ? await moveBlock(move, next.block) : await isolate(move, next.block)
  const { tooLarge: record } = next
  const { body, dirty } = move
  await dirty.add(describeDirty(record, tooLarge(record.length, body.maxRecordBytes), body.origin))
  return { loaded: 0, filtered: 0 }
}

async function moveBlock(move: BlockMove, block: RecordBlock): Promise<Loaded> {
  const moved = { loaded: 0, filtered: 0 }
  const add = (some: Loaded) => {
    moved.loaded += some.loaded
    moved.filtered += some.filtered
  }
  let left = block
  for (let cuts = 0; left.records > 0; cuts += 1) {
    const tried = await tryBlock(move, left)
    if ('loaded' in tried) {
      add(tried)
      break
    }
    const cut = cuts < maxCuts && tried.line !== null ? cutAtLine(left, { ...move.body, line: tried.line }) : null
    if (cut === null) {
      add(await isolate(move, left))
      break
    }
    if (cut.before.records > 0) {
      const before = await tryBlock(move, cut.before)
      add('loaded' in before ? before : await isolate(move, cut.before))
    }
    add(await isolate(move, cut.record))
    left = cut.behind
  }
  return moved
}

/** All of a block or none. @returns where it was refused, in lines of the block, if the server says */
async function tryBlock(move: BlockMove, block: RecordBlock): Promise<Loaded | { line: number | null }> {
  const { context, opened, put, body, sql } = move
  const rewriter = opened.rewriterOf(body)
  const leftOut = () => rewriter?.leftOut() ?? 0
  try {
    return await sql.savepoint(async () => {
      const bytes = streamOf(block.pieces)
      const sent = rewriter?.stream(bytes) ?? bytes
      const { copied, loaded } = await put(guarded(sent, opened.sent, body.newline), context.deadline.signal)
      const taken = block.records - leftOut()
      if (copied !== taken) throw countsDiffer(taken, copied)
      return { loaded, filtered: block.records - loaded }
    })
  } catch (error) {
    if (!isDirtyChunk(error)) throw error
    const { line } = error.context
    // Lines are those of what was sent, which a rewriter may have made others of.
    const isSame = opened.sent.format === body.encoding.format && leftOut() === 0
    return { line: isSame && typeof line === 'number' ? line : null }
  }
}

async function isolate(move: BlockMove, block: RecordBlock): Promise<Loaded> {
  const { context, opened, sql, put, body, dirty, maxAttemptRecords } = move
  const rewriter = opened.rewriterOf(body)
  const { loaded, superseded } = await isolateBlock(block, {
    sql,
    put,
    body,
    rewriter,
    dirty,
    ...(maxAttemptRecords === undefined ? {} : { maxAttemptRecords }),
    signal: context.deadline.signal,
  })
  return { loaded, filtered: superseded + (rewriter?.leftOut() ?? 0) }
}
