import * as ledger from '../ledger/index.ts'
import { send } from './dispatch.ts'
import { lanesLeft, openChunks, openSlices } from './open-pieces.ts'
import type { RunContext } from './run-context.ts'

/*
 * At most `concurrent` slices are read and at most `concurrent` chunks are loaded at a time, without a queue or a lock:
 * the end of chunk n sends chunk n + concurrent. Where a chunk or slice may become known after its predecessor ended, both sides
 * look for the other after their own commit, so at least one of them sends it; a second sending has the same task id.
 * The cost of a step is a few primary-key look-ups, however many chunks the run has.
 */

const windowOf = (context: RunContext) => context.run.spec.settings.concurrent

/** After a slice was sealed: the slice whose turn it is now, if it is known yet. */
export async function sendSliceAfter(context: RunContext, epoch: number, slice: number): Promise<'sent' | 'none'> {
  const next = slice + windowOf(context)
  const known = await ledger.readSlice(context.sql, context.run.runId, epoch, next)
  // One that is done was sent out of turn by `tick`, and has sent what comes behind it.
  if (known === null || known.done) return 'none'
  await send(context, { step: 'stage', epoch, slice: next })
  return 'sent'
}

/** After a slice was cut into others: those whose turn it is already. */
export async function sendSlicesInTurn(context: RunContext, epoch: number, slices: readonly number[]): Promise<void> {
  for (const slice of slices) {
    const before = slice - windowOf(context)
    const due = before < 0 || (await ledger.readSlice(context.sql, context.run.runId, epoch, before))?.done === true
    if (due) await send(context, { step: 'stage', epoch, slice })
  }
}

/** After chunks became known: those whose turn it is already. */
export async function sendChunksInTurn(context: RunContext, ordinals: readonly number[]): Promise<void> {
  for (const ordinal of ordinals) {
    const before = ordinal - windowOf(context)
    const due = before < 0 || (await ledger.readProgress(context.sql, context.run.runId, before)) === 'done'
    if (due) await send(context, { step: 'load', ordinal, part: 0 })
  }
}

/** After a chunk was loaded: the chunk whose turn it is now, if it is known yet. */
export async function sendChunkAfter(context: RunContext, ordinal: number): Promise<'sent' | 'none'> {
  const next = ordinal + windowOf(context)
  // One that is done was sent out of turn by `tick`, or loaded where it was cut, and has looked for what comes behind it. To send
  // it once more would leave to that delivery who ends the run, and the platform drops it where it had that task id before.
  if ((await ledger.readProgress(context.sql, context.run.runId, next)) !== 'open') return 'none'
  await send(context, { step: 'load', ordinal: next, part: 0 })
  return 'sent'
}

/** Sends `finish` once every slice is sealed and every chunk loaded; whoever comes last finds it so. */
export async function finishIfComplete(context: RunContext): Promise<boolean> {
  if (!(await isComplete(context))) return false
  await send(context, { step: 'finish' })
  return true
}

/** Counts them all only when the last piece of every lane is done: while a run goes on, the answer costs a few look-ups. */
export async function isComplete({ sql, run }: Pick<RunContext, 'sql' | 'run'>): Promise<boolean> {
  const plan = await ledger.readPlan(sql, run.runId)
  if (plan === null) return false
  if (plan.staged) {
    if ((await lanesLeft(openSlices(sql, run, plan), run)) > 0) return false
    const { slicesDone } = await ledger.countSlicesDone(sql, run.runId, plan.epoch)
    if (slicesDone < plan.slices) return false
  }
  if ((await lanesLeft(await openChunks(sql, run), run)) > 0) return false
  const { chunks } = await ledger.countChunks(sql, run.runId)
  const { chunksDone } = await ledger.countChunksDone(sql, run.runId)
  return chunksDone === chunks
}
