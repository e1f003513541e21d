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

/** Reads `nameOf`. @returns null for what is none */
export function pieceNamed(step: ledger.Step, name: string): Piece | null {
  const [first = NaN, second = NaN] = (name.match(/\d+/g) ?? []).map(Number)
  const piece: Piece =
    step === 'stage'
      ? { step, epoch: first, slice: second }
      : step === 'load'
        ? { step, ordinal: first, part: second }
        : { step }
  return nameOf(piece) === name ? piece : null
}

/** What sending needs to know of a run. */
export interface SendContext extends Pick<RunContext, 'world' | 'sql' | 'address' | 'log'> {
  readonly run: Pick<RunContext['run'], 'runId' | 'generation'>
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
 * The lease doubles with each attempt, because the platform's queue may hold a throttled task for hours; an attempt that
 * found no free connection does not count.
 * @returns whether something was sent
 */
export async function sendAgainIfLost(context: RunContext, piece: Piece): Promise<boolean> {
  const { settings, clock } = context.world
  const place = placeOf(context, piece)
  const last = await ledger.readLastDispatch(context.sql, place)
  if (last === null) return await sendAttempt(context, piece, 0)
  const leaseMs = settings.leaseMs * 2 ** Math.max(0, last.attempt - last.waits)
  if (clock.now().getTime() - last.at.getTime() < leaseMs) return false
  if (await ledger.isAlive(context.sql, place)) return false
  return await sendAttempt(context, piece, last.attempt + 1)
}

/** Sends a piece once more, whoever may be at it: what it will find is no longer what an earlier one found. */
export async function sendAnew(context: RunContext, piece: Piece): Promise<void> {
  const last = await ledger.readLastDispatch(context.sql, placeOf(context, piece))
  await sendAttempt(context, piece, last === null ? 0 : last.attempt + 1)
}

/** The row comes first, so that a sending that was lost can be seen; the task id makes the repeat harmless. */
async function sendAttempt(context: RunContext, piece: Piece, attempt: number): Promise<true> {
  await ledger.insertDispatch(context.sql, placeOf(context, piece), attempt, context.world.clock.now())
  return await invoke(context, piece, attempt)
}

/** Sends a piece that waits. @returns false when somebody else has just sent it */
export async function sendWaiting(context: SendContext, piece: Piece, attempt: number): Promise<boolean> {
  const isNew = await ledger.insertDispatch(context.sql, placeOf(context, piece), attempt, context.world.clock.now())
  return isNew && (await invoke(context, piece, attempt))
}

async function invoke(context: SendContext, piece: Piece, attempt: number): Promise<true> {
  const { world, run } = context
  const id = taskId(run.runId, piece.step, `g${run.generation}-${nameOf(piece)}`, attempt)
  const event = eventOf(piece, run.runId, run.generation, context.address)
  const answer = await world.invoker.invokeAsync(piece.step, event, id)
  context.log.info(`sent ${piece.step} ${nameOf(piece)}`, { attempt, answer })
  return true
}

export function placeOf(context: SendContext, piece: Piece): ledger.Place {
  return { runId: context.run.runId, generation: context.run.generation, step: piece.step, piece: nameOf(piece) }
}
