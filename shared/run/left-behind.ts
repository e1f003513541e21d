import * as ledger from '../ledger/index.ts'
import { type Piece, placeOf, sendAnew } from './dispatch.ts'
import type { RunContext } from './run-context.ts'
import { sendChunksInTurn } from './window.ts'

/**
 * Sends the chunks of a slice that an attempt before this one made known before it died. `tick` would send them after their
 * lease, minutes later.
 * @param isLoadedHere an attempt has such chunks in hand, which counts as sent: nobody else would send them
 */
export async function sendLeftBehind(context: RunContext, slice: number, isLoadedHere: boolean): Promise<void> {
  const open = await ledger.listOpenChunksOfSlice(context.sql, context.run.runId, slice)
  if (!isLoadedHere) {
    const ordinals = open.flatMap(({ ordinal, part }) => (part === 0 ? [ordinal] : []))
    return await sendChunksInTurn(context, ordinals)
  }
  for (const { ordinal, part } of open) {
    const piece: Piece = { step: 'load', ordinal, part }
    // Of two that have it one has the claim, and the other finds it done.
    if (!(await ledger.isAlive(context.sql, placeOf(context, piece)))) await sendAnew(context, piece)
  }
}
