import { type RunId, taskId } from '../job/index.ts'
import * as ledger from '../ledger/index.ts'
import type { PostgresConnection } from '../ports/index.ts'
import type { StepEvent } from './events.ts'
import type { RunContext } from './run-context.ts'

export type Piece =
  | { readonly step: 'plan' }
  | { readonly step: 'stage'; readonly epoch: number; readonly slice: number }
  | { readonly step: 'load'; readonly ordinal: number; readonly part: number }
  | { readonly step: 'finish' }

/** The piece's name in the ledger and in task ids. */
export function nameOf(piece: Piece): string {
  switch (piece.step) {
    case 'plan':
      return 'run'
    case 'stage':
      return `e${piece.epoch}-s${piece.slice}`
    case 'load':
      return `c${piece.ordinal}-p${piece.part}`
    case 'finish':
      return 'run'
  }
}

const eventOf = (piece: Piece, runId: RunId, generation: number, address: PostgresConnection): StepEvent => ({
  ...piece,
  runId,
  generation,
  ledger: address,
})

/**
 * Sends a piece for the first time. Whoever finds that a piece is due may call this, any number of times: the task id
 * is the same, so the platform queues it once.
 */
export async function send(context: RunContext, piece: Piece): Promise<void> {
  await sendAttempt(context, piece, 0)
}

/**
 * Sends a piece again that nobody works on and whose last sending is older than the lease; sends it at all if nobody did.
 * The lease doubles with each attempt, because the platform's queue may hold a throttled task for hours.
 * @returns whether something was sent
 */
export async function sendAgainIfLost(context: RunContext, piece: Piece): Promise<boolean> {
  const { settings, clock } = context.world
  const place = placeOf(context, piece)
  const last = await ledger.readLastDispatch(context.sql, place)
  if (last === null) return await sendAttempt(context, piece, 0)
  const leaseMs = settings.leaseMs * 2 ** last.attempt
  if (clock.now().getTime() - last.at.getTime() < leaseMs) return false
  if (await ledger.isAlive(context.sql, place)) return false
  return await sendAttempt(context, piece, last.attempt + 1)
}

/** The row comes first, so that a sending that was lost can be seen; the task id makes the repeat harmless. */
async function sendAttempt(context: RunContext, piece: Piece, attempt: number): Promise<true> {
  const { world, run } = context
  await ledger.insertDispatch(context.sql, placeOf(context, piece), attempt, world.clock.now())
  const id = taskId(run.runId, piece.step, `g${run.generation}-${nameOf(piece)}`, attempt)
  const event = eventOf(piece, run.runId, run.generation, context.address)
  const answer = await world.invoker.invokeAsync(piece.step, event, id)
  context.log.info(`sent ${piece.step} ${nameOf(piece)}`, { attempt, answer })
  return true
}

export function placeOf(context: RunContext, piece: Piece): ledger.Place {
  return { runId: context.run.runId, generation: context.run.generation, step: piece.step, piece: nameOf(piece) }
}
