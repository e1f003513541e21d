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

/** So often a stretch is cut where the server points; beyond, its records are looked at each. */
const maxCuts = 8

export interface BlockMove extends Move {
  readonly put: PutRecords
  readonly body: Body
  readonly dirty: DirtyLog
  readonly screen: Screen
  readonly maxAttemptRecords: number | undefined
  /** Records that look wrong and are asked about before the others of a block go in. */
  readonly suspectsAtOnce: number
}

/** Of a body. */
interface Amount {
  readonly records: number
  readonly bytes: number
}

const amountOf = (stretch: Stretch): Amount => ({
  records: recordsIn(stretch),
  bytes: stretch.reduce((sum, { bytes }) => sum + bytes.length, 0),
})

/** Not all of it, and not where bad records were taken out of its middle already. */
function isEndOf({ bytes, before }: RecordBlock, left: Stretch): boolean {
  const start = left[0]?.before.bytes ?? before.bytes
  return start > before.bytes && start + amountOf(left).bytes === before.bytes + bytes.length
}

/** `refused`: how often many records were sent for nothing. */
export type Moved = Pick<ledger.ChunkCounts, 'loaded' | 'filtered'> & { readonly refused: number }

/**
 * Loads a block, and keeps what of it is refused. Where many records are bad, a block may take minutes: it ends before its
 * end when `isOutOfTime` says so behind some of it.
 * @returns as `left` how much of the block was not looked at
 * @throws record/limit-exceeded, or the reason of the record where none is allowed; run/stopped
 */
export async function moveBlockOrRecord(
  move: BlockMove,
  next: BlockOrRecord,
  isOutOfTime: () => boolean,
): Promise<Moved & { readonly left: Amount }> {
  if ('block' in next && move.maxAttemptRecords === undefined) return await moveBlock(move, next.block, isOutOfTime)
  return { ...(await moveAtOnce(move, next)), left: amountOf([]) }
}

async function moveAtOnce(move: BlockMove, next: BlockOrRecord): Promise<Moved> {
  if ('block' in next) return await isolate(move, [next.block])
  const { tooLarge: record } = next
  const { body, dirty } = move
  await dirty.add(describeDirty(record, tooLarge(record.length, body.maxRecordBytes), originOf(body, record)))
  return { loaded: 0, filtered: 0, refused: 0 }
}

async function moveBlock(
  move: BlockMove,
  block: RecordBlock,
  isOutOfTime: () => boolean,
): Promise<Moved & { readonly left: Amount }> {
  let moved = nothing
  let left: Stretch = [block]
  while (recordsIn(left) > 0) {
    const { good, rest } = await withoutBadOnes(move, left)
    const { toLookAt, ...put } = await moveScreened(move, good)
    moved = sum(moved, put)
    left = [...toLookAt, ...rest]
    if (isEndOf(block, left) && isOutOfTime()) break
  }
  return { ...moved, left: amountOf(left) }
}

/** @returns as `toLookAt` what was not put, as a refusal has taught something to look at */
async function moveScreened(move: BlockMove, stretch: Stretch): Promise<Moved & { readonly toLookAt: Stretch }> {
  let moved = nothing
  let left = stretch
  let cuts = 0
  while (recordsIn(left) > 0) {
    const tried = await tryStretch(move, left)
    if (!('refusal' in tried)) return { ...sum(moved, tried), toLookAt: [] }
    moved = { ...moved, refused: moved.refused + 1 }
    if (move.screen.learn(tried.refusal)) return { ...moved, toLookAt: left }
    cuts += 1
    const cut =
      cuts > maxCuts || tried.line === null ? null : cutStretchAtLine(left, { ...move.body, line: tried.line })
    if (cut === null) return { ...sum(moved, await isolate(move, left)), toLookAt: [] }
    if (cut.before.length > 0) {
      const before = await tryStretch(move, cut.before)
      moved = sum(moved, 'refusal' in before ? await isolate(move, cut.before) : before)
    }
    moved = sum(moved, await isolate(move, [cut.record]))
    left = cut.behind
  }
  return { ...moved, toLookAt: [] }
}

const sum = (left: Moved, right: Moved): Moved => ({
  loaded: left.loaded + right.loaded,
  filtered: left.filtered + right.filtered,
  refused: left.refused + right.refused,
})

/**
 * Records that look wrong are asked about alone, before the others go together; the server decides, not the look.
 * @returns as `rest` what was not looked at, as so many before it looked wrong
 */
async function withoutBadOnes(move: BlockMove, stretch: Stretch): Promise<{ good: Stretch; rest: Stretch }> {
  const good: RecordBlock[] = []
  let mostSuspects = move.suspectsAtOnce
  for (const [index, block] of stretch.entries()) {
    if (mostSuspects === 0) return { good, rest: stretch.slice(index) }
    const { parts, rest } = move.screen.cut(block, mostSuspects) ?? { parts: [{ block, isSuspect: false }], rest: null }
    for (const part of parts) {
      if (part.isSuspect) mostSuspects -= 1
      const isAsked = part.isSuspect && move.screen.isTrusted()
      if (!isAsked || !(await isRefusedAlone(move, part.block))) good.push(part.block)
    }
    if (rest !== null) return { good, rest: [rest, ...stretch.slice(index + 1)] }
  }
  return { good, rest: [] }
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
  await move.dirty.add(describeDirty(record, reasonOf(tried.refusal), originOf(move.body, record)))
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
