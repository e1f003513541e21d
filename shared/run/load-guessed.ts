import type { SliceStart } from '../connectors/contract.ts'
import { asTransferError } from '../errors/index.ts'
import * as ledger from '../ledger/index.ts'
import type { OpenedChunk } from './chunk-source.ts'
import { BeganElsewhere, StillUnknown, startOfChunk, watchStart } from './chunk-start.ts'
import { type MovedCounts, moveInBlocks } from './move-blocks.ts'
import { isDirtyChunk, type Move } from './move-records.ts'
import type { RunContext } from './run-context.ts'
import { sendOneWaiting } from './slot-waits.ts'

/**
 * A chunk whose beginning was guessed is loaded from there at once, side by side with the chunk before; it commits behind that
 * one, if that has ended where this one began. Otherwise nothing of it was ever there, and it is loaded from where it
 * begins in truth. Any other chunk is loaded as it is.
 * @param load in a transaction of its own
 */
export async function loadFromItsStart(
  context: RunContext,
  { runId, ordinal }: Pick<ledger.ChunkId, 'runId' | 'ordinal'>,
  opened: OpenedChunk,
  load: (opened: OpenedChunk) => Promise<ledger.ChunkCounts>,
): Promise<ledger.ChunkCounts> {
  const { guesses } = opened
  if (guesses === null || !guesses.start.isGuess) return await load(opened)
  const known = await ledger.readNextStart(context.sql, runId, ordinal - 1)
  if (known !== null) return await load(await guesses.begunAt(known))
  try {
    return await load(opened)
  } catch (thrown) {
    const start = await startInstead(context, ordinal, thrown)
    context.log.info('the chunk is loaded again from where the one before it ended', { ordinal, offset: start.offset })
    return await load(await guesses.begunAt(start))
  }
}

async function startInstead(context: RunContext, ordinal: number, thrown: unknown): Promise<SliceStart> {
  if (thrown instanceof BeganElsewhere) return thrown.start
  if (!(thrown instanceof StillUnknown)) throw thrown
  // Perhaps for the connection that this one has just given back.
  await sendOneWaiting(context)
  return await startOfChunk(context, ordinal)
}

/** As `moveInBlocks`, and says where the next chunk begins, or what is handed over. */
export async function moveFromStart(move: Move): Promise<MovedCounts> {
  const { start } = move.opened.guesses ?? {}
  if (start === undefined) return await moveInBlocks(move)
  if (!start.isGuess) return endingAt(start, await moveInBlocks(move))
  const guess = watchStart(move.context, move.id.ordinal, start.offset)
  try {
    const counts = await moveInBlocks(move, { guess })
    return endingAt(await guess.confirm(), counts)
  } catch (thrown) {
    if (!saysOfRecords(thrown)) throw thrown
    // From a wrong place records look wrong. Where it was the right one they are told again, under their numbers.
    throw new StillUnknown('what is wrong with the records of a guess says nothing', { cause: thrown })
  }
}

const saysOfRecords = (thrown: unknown) =>
  isDirtyChunk(thrown) || asTransferError(thrown).code === 'source/unclosed-quote'

const endingAt = (start: SliceStart, counts: MovedCounts): MovedCounts => ({
  ...counts,
  next: { offset: start.offset + counts.bytes, firstRecord: start.firstRecord + counts.read },
})
