import { asTransferError, type TransferError } from '../errors/index.ts'
import * as ledger from '../ledger/index.ts'
import { type Piece, placeOf, send } from './dispatch.ts'
import type { StepEvent } from './events.ts'
import { keepFunctionUse } from './function-use.ts'
import { isOver, openRun, type RunContext } from './run-context.ts'
import { sendOneWaiting, waitForSlot } from './slot-waits.ts'
import type { Deadline, World } from './world.ts'

export type StepAnswer =
  | { readonly outcome: 'done' | 'over' | 'waiting' }
  | { readonly outcome: 'failed'; readonly code: string }

/**
 * The frame of plan, stage and load: opens the run, leaves when it is over, and decides what an error means. An error
 * that may pass is thrown, so that the platform's queue repeats the step; a lack of connections is waited for; any other
 * ends the run here.
 */
export async function runStep<E extends StepEvent>(
  world: World,
  event: E,
  deadline: Deadline,
  work: (context: RunContext, event: E) => Promise<void>,
): Promise<StepAnswer> {
  await using sql = await world.connectSql(event.ledger, deadline.signal)
  const context = await openRun(world, sql, { address: event.ledger, runId: event.runId }, deadline)
  if (await isOver(context, event)) return { outcome: 'over' }
  await ledger.markAlive(sql, placeOf(context, event))
  try {
    return await workOrDecide(context, event, work)
  } finally {
    await keepFunctionUse(context, event.step)
  }
}

async function workOrDecide<E extends StepEvent>(
  context: RunContext,
  event: E,
  work: (context: RunContext, event: E) => Promise<void>,
): Promise<StepAnswer> {
  try {
    await work(context, event)
    return { outcome: 'done' }
  } catch (thrown) {
    const error = asTransferError(thrown)
    if (error.code === 'connect/no-slot') {
      await waitForSlot(context, event, error)
      return { outcome: 'waiting' }
    }
    if (error.policy.retry === 'again') {
      context.log.warn(`${event.step} will be repeated`, { error: error.report() })
      await keepTrouble(context, event, error)
      throw error
    }
    await failRun(context, event, error)
    return { outcome: 'failed', code: error.code }
  }
}

/** For those who look at a run that waits. A ledger that is gone with the attempt keeps nothing; the log has it all. */
async function keepTrouble(context: RunContext, event: StepEvent, error: TransferError): Promise<void> {
  const place = placeOf(context, event)
  const kept = ledger.insertTrouble(context.sql, place, error.report(), context.world.clock.now())
  await kept.catch((thrown: unknown) =>
    context.log.warn('the ledger did not take why the step failed', { error: asTransferError(thrown).report() }),
  )
}

/** Records why, and lets `finish` end the run: other loaders stop at their next look. */
export async function failRun(context: RunContext, piece: Piece, error: TransferError): Promise<void> {
  context.log.error(`${piece.step} failed`, { error: error.report() })
  await ledger.insertFailure(context.sql, placeOf(context, piece), error.report(), context.world.clock.now())
  await sendOneWaiting(context)
  await send(context, { step: 'finish' })
}
