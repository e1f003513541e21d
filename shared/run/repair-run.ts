import * as ledger from '../ledger/index.ts'
import { type Piece, sendAgainIfLost } from './dispatch.ts'
import { runInTheWay } from './increment.ts'
import { type FindOpen, listAllOpen, listFirstOpen, openChunks, openSlices } from './open-pieces.ts'
import { isOvertime } from './overtime.ts'
import type { RunContext } from './run-context.ts'
import { releaseIfReady } from './waiting.ts'
import { isComplete } from './window.ts'

/** One look of `tick` sends at most this many pieces of a run; the next look sends the rest. */
const piecesPerLook = 200

/**
 * Sends again whatever should be under way and left no trace for longer than the lease: the one repair for every crash
 * between two steps. Sending too much is harmless, because each step finds in the ledger that its work is done.
 */
export async function repairRun(context: RunContext): Promise<number> {
  if (await isOvertime(context)) return 1
  let sent = 0
  for (const piece of await duePieces(context)) if (await sendAgainIfLost(context, piece)) sent += 1
  if (sent > 0) context.log.info(`sent ${sent} lost pieces again`)
  return sent
}

/** What should be under way now, whether or not it is. */
async function duePieces(context: RunContext): Promise<Piece[]> {
  const { sql, run } = context
  if ((await ledger.readHalt(sql, run.runId, run.generation)) !== null) return [{ step: 'finish' }]
  const plan = await ledger.readPlan(sql, run.runId)
  if (plan === null) {
    if (!(await releaseIfReady(context))) return []
    return (await runInTheWay(sql, run.job, run.runId)) === null ? [{ step: 'plan' }] : []
  }
  if (await isComplete(context)) return [{ step: 'finish' }]
  const holder: Piece[] = plan.held ? [{ step: 'plan' }] : []
  const slices = await firstOrAll((find) => dueSlices(context, plan, find))
  return [...holder, ...slices, ...(await firstOrAll((find) => dueChunks(context, find)))]
}

/** Chunks of slices that were read into the table are done behind others that are not: out of order, all are looked at. */
async function firstOrAll(dueBy: (find: FindOpen) => Promise<Piece[]>): Promise<Piece[]> {
  const due = await dueBy(listFirstOpen)
  return due.length > 0 ? due : await dueBy(listAllOpen)
}

async function dueSlices({ sql, run }: RunContext, plan: ledger.PlanRow, find: FindOpen): Promise<Piece[]> {
  if (!plan.staged) return []
  const open = await find(openSlices(sql, run, plan), run, piecesPerLook)
  return open.slice(0, run.spec.settings.concurrent).map((slice) => ({ step: 'stage', epoch: plan.epoch, slice }))
}

/** Of the open chunks, those whose predecessor in the window has been loaded. */
async function dueChunks({ sql, run }: RunContext, find: FindOpen): Promise<Piece[]> {
  const { concurrent } = run.spec.settings
  const open = await find(await openChunks(sql, run), run, piecesPerLook)
  const openOrdinals = new Set(open.map((chunk) => chunk.ordinal))
  return open
    .filter((chunk) => !openOrdinals.has(chunk.ordinal - concurrent))
    .map(({ ordinal, part }) => ({ step: 'load', ordinal, part }))
}
