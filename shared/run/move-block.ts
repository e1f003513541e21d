import { type BlockOrRecord, cutAtLine, type RecordBlock, streamOf } from '../codecs/record-blocks.ts'
import type { Body } from '../connectors/contract.ts'
import type * as ledger from '../ledger/index.ts'
import type { PutRecords } from '../load/put-records.ts'
import { describeDirty, originOf, tooLarge } from './dirty.ts'
import type { DirtyLog } from './dirty-log.ts'
import { isolateBlock } from './isolate-block.ts'
import { countsDiffer, guarded, isDirtyChunk, type Move } from './move-records.ts'

/** So often a block is cut where the server points; beyond, its records are looked at each. */
const maxCuts = 8

export interface BlockMove extends Move {
  readonly put: PutRecords
  readonly body: Body
  readonly dirty: DirtyLog
  readonly maxAttemptRecords: number | undefined
}

type Loaded = Pick<ledger.ChunkCounts, 'loaded' | 'filtered'>

/** Loads a block, and keeps what of it is refused. @throws record/limit-exceeded, or the reason of the record where none is allowed */
export async function moveBlockOrRecord(move: BlockMove, next: BlockOrRecord): Promise<Loaded> {
  if ('block' in next)
    return move.maxAttemptRecords === undefined ? await moveBlock(move, next.block) : await isolate(move, next.block)
  const { tooLarge: record } = next
  const { body, dirty } = move
  await dirty.add(describeDirty(record, tooLarge(record.length, body.maxRecordBytes), originOf(body, record)))
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
