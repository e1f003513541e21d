import type { Encoding } from '../codecs/encoding.ts'
import type { BlockOrRecord, RecordBlock } from '../codecs/record-blocks.ts'
import type { Body } from '../connectors/contract.ts'
import type { TransferError } from '../errors/index.ts'
import type * as ledger from '../ledger/index.ts'
import type { PutRecords } from '../load/put-records.ts'
import { reasonOf } from '../load/record-error.ts'
import { describeDirty, originOf, tooLarge } from './dirty.ts'
import type { DirtyLog } from './dirty-log.ts'
import { isolateBlock } from './isolate-block.ts'
import { countsDiffer, isDirtyChunk, type Move } from './move-records.ts'
import type { Screen } from './screen.ts'
import { cutStretchAtLine, recordsIn, type Stretch, sentOf } from './stretch.ts'

/** So often a block is cut where the server points; beyond, its records are looked at each. */
const maxCuts = 8

export interface BlockMove extends Move {
  readonly put: PutRecords
  readonly body: Body
  readonly dirty: DirtyLog
  readonly screen: Screen
  readonly maxAttemptRecords: number | undefined
}

/** `refused`: how often many records were sent for nothing. */
export type Moved = Pick<ledger.ChunkCounts, 'loaded' | 'filtered'> & { readonly refused: number }

/** Loads a block, and keeps what of it is refused. @throws record/limit-exceeded, or the reason of the record where none is allowed */
export async function moveBlockOrRecord(move: BlockMove, next: BlockOrRecord): Promise<Moved> {
  if ('block' in next)
    return move.maxAttemptRecords === undefined ? await moveBlock(move, next.block) : await isolate(move, [next.block])
  const { tooLarge: record } = next
  const { body, dirty } = move
  await dirty.add(describeDirty(record, tooLarge(record.length, body.maxRecordBytes), originOf(body, record)))
  return { loaded: 0, filtered: 0, refused: 0 }
}

async function moveBlock(move: BlockMove, block: RecordBlock): Promise<Moved> {
  let moved: Moved = { loaded: 0, filtered: 0, refused: 0 }
  let left = await withoutBadOnes(move, [block])
  let cuts = 0
  while (recordsIn(left) > 0) {
    const tried = await tryStretch(move, left)
    if (!('refusal' in tried)) return sum(moved, tried)
    moved = { ...moved, refused: moved.refused + 1 }
    if (move.screen.learn(tried.refusal)) {
      left = await withoutBadOnes(move, left)
      continue
    }
    cuts += 1
    const cut =
      cuts > maxCuts || tried.line === null ? null : cutStretchAtLine(left, { ...move.body, line: tried.line })
    if (cut === null) return sum(moved, await isolate(move, left))
    if (cut.before.length > 0) {
      const before = await tryStretch(move, cut.before)
      moved = sum(moved, 'refusal' in before ? await isolate(move, cut.before) : before)
    }
    moved = sum(moved, await isolate(move, [cut.record]))
    left = cut.behind
  }
  return moved
}

const sum = (left: Moved, right: Moved): Moved => ({
  loaded: left.loaded + right.loaded,
  filtered: left.filtered + right.filtered,
  refused: left.refused + right.refused,
})

/** Records that look wrong are asked about alone, before the others go together; the server decides, not the look. */
async function withoutBadOnes(move: BlockMove, stretch: Stretch): Promise<Stretch> {
  const good: RecordBlock[] = []
  for (const block of stretch) {
    for (const part of move.screen.cut(block) ?? [{ block, isSuspect: false }]) {
      const isAsked = part.isSuspect && move.screen.isTrusted()
      if (!isAsked || !(await isRefusedAlone(move, part.block))) good.push(part.block)
    }
  }
  return good
}

/**
 * Only a reason that no other row has a part in counts: whether a key is there already is found out in the order of the
 * records. What is not refused is taken back, and goes in its place among the others.
 */
async function isRefusedAlone(move: BlockMove, block: RecordBlock): Promise<boolean> {
  const tried = await tryStretch(move, [block], 'take back')
  if (!('refusal' in tried) || !isOwnFault(tried.refusal)) {
    move.screen.wasWrong()
    return false
  }
  const { bytes, before } = block
  const record = { bytes, length: bytes.length, isTooLarge: false, number: before.records + 1, offset: before.bytes }
  await move.dirty.add(describeDirty(record, reasonOf(tried.refusal, bytes), originOf(move.body, record)))
  return true
}

const isOwnFault = ({ context: { sqlstate } }: TransferError) =>
  typeof sqlstate === 'string' && (sqlstate.startsWith('22') || sqlstate === '23502')

type Tried = Moved | { readonly refusal: TransferError; readonly line: number | null }

/**
 * All of a stretch or none.
 * @param then `take back`: it is only to be known whether the destination takes it
 * @returns what refused it, and where in lines of the stretch, if the server says
 */
async function tryStretch(move: BlockMove, stretch: Stretch, then?: 'take back'): Promise<Tried> {
  const { context, opened, columns, put, body, sql } = move
  const rewriter = opened.rewriterOf(body, columns)
  const leftOut = () => rewriter?.leftOut() ?? 0
  try {
    return await sql.savepoint(async () => {
      const { copied, loaded } = await put(sentOf(stretch, move, rewriter), context.deadline.signal)
      const records = recordsIn(stretch)
      const taken = records - leftOut()
      if (copied !== taken) throw countsDiffer(taken, copied)
      if (then === 'take back') throw new TakenBack()
      return { loaded, filtered: records - loaded, refused: 0 }
    })
  } catch (error) {
    if (error instanceof TakenBack) return nothing
    if (!isDirtyChunk(error)) throw error
    return { refusal: error, line: lineOf(error, body.encoding, opened.sent, leftOut()) }
  }
}

/** Lines are those of what was sent, which a rewriter may have made others of; of JSON Lines it makes as many. */
function lineOf({ context }: TransferError, read: Encoding, sent: Encoding, leftOut: number): number | null {
  const isJson = read.format === 'jsonl'
  const { line, record } = context
  if (isJson && typeof record === 'number') return record
  const isSame = (isJson || sent.format === read.format) && leftOut === 0
  return isSame && typeof line === 'number' ? line : null
}

const nothing: Moved = { loaded: 0, filtered: 0, refused: 0 }

/** Rolls back a savepoint whose COPY succeeded. */
class TakenBack extends Error {}

async function isolate(move: BlockMove, stretch: Stretch): Promise<Moved> {
  let moved = nothing
  for (const block of stretch) moved = sum(moved, await isolateOne(move, block))
  return moved
}

async function isolateOne(move: BlockMove, block: RecordBlock): Promise<Moved> {
  const { context, opened, columns, sql, put, body, dirty, maxAttemptRecords } = move
  const rewriter = opened.rewriterOf(body, columns)
  const { loaded, superseded } = await isolateBlock(block, {
    sql,
    put,
    body,
    rewriter,
    dirty,
    ...(maxAttemptRecords === undefined ? {} : { maxAttemptRecords }),
    signal: context.deadline.signal,
  })
  return { loaded, filtered: superseded + (rewriter?.leftOut() ?? 0), refused: 0 }
}
