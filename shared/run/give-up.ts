import * as z from 'zod'
import { codedMessage, type ErrorCode, policies, TransferError } from '../errors/index.ts'
import * as ledger from '../ledger/index.ts'
import { nameOf, placeOf } from './dispatch.ts'
import { type FailureEvent, StartEvent, StepEvent } from './events.ts'
import { recordIncident } from './job-store.ts'
import { openRun, type RunContext } from './run-context.ts'
import { failRun } from './step.ts'
import type { Deadline, World } from './world.ts'

/** Sendings of a piece, each with all the platform's retries, over which an outage may last: with the default lease, 4 hours. */
const maxSendings = 7

/**
 * The platform has used up its retries for an event of ours. A run that could not even be planned, as one end of it was not
 * to be reached, ends here. What an outage may have caused later is left to `tick`, which sends the piece again after its
 * lease, a bounded number of times; anything else ends the run. Either way somebody is told.
 */
export async function giveUp(world: World, event: FailureEvent, deadline: Deadline): Promise<void> {
  const { requestId = 'unknown', condition = 'unknown', approximateInvokeCount: attempts } = event.requestContext
  const step = StepEvent.safeParse(event.requestPayload)
  const failure = failureOf(event.responsePayload)
  const context = { requestId, condition }
  if (!step.success) {
    const what = StartEvent.safeParse(event.requestPayload).success ? 'a start' : 'an event'
    await tell(world, `${what} failed for good: ${failure.reason}`, context)
    return
  }
  const { ledger: address, runId, generation } = step.data
  await using sql = await world.connectSql(address, deadline.signal)
  const run = await openRun(world, sql, { address, runId }, deadline)
  if (generation !== run.run.generation) return
  const piece = `${step.data.step} ${nameOf(step.data)}`
  if (step.data.step === 'plan' && failure.code?.startsWith('connect/')) {
    // The ledger answers, so it is an end of the job; nothing was moved, and a job with a wrong host should say so soon.
    await failRun(run, step.data, new TransferError(failure.code, failure.message, context))
  } else if (mayPass(failure.code) && (await sendingsOf(run, step.data)) < maxSendings) {
    const message = `${piece} of run ${runId} failed in all retries and will be sent again: ${failure.reason}`
    await tell(world, message, { condition, runId })
  } else {
    const often = attempts === undefined ? '' : ` after ${attempts} ${attempts === 1 ? 'attempt' : 'attempts'}`
    const message = `${piece} failed for good${often}, the last with: ${failure.reason}`
    await failRun(run, step.data, new TransferError('run/gave-up', message, context))
  }
}

/** About the way to a server or the platform, not about the work. */
const mayPass = (code: ErrorCode | null) =>
  code !== null && /^(connect|platform)\//.test(code) && policies[code].retry === 'again'

async function sendingsOf(run: RunContext, step: StepEvent): Promise<number> {
  const last = await ledger.readLastDispatch(run.sql, placeOf(run, step))
  return (last?.attempt ?? 0) + 1 - (last?.waits ?? 0)
}

async function tell(world: World, message: string, context: Record<string, string>): Promise<void> {
  await recordIncident(world.store, new TransferError('run/gave-up', message, context), world.clock.now())
}

const HandlerFailure = z.object({ errorMessage: z.string() })

/** Handler errors arrive as `{errorMessage, errorType}`; anything else is shown by its kind, never by its content. */
function failureOf(payload: unknown): { code: ErrorCode | null; message: string; reason: string } {
  const parsed = HandlerFailure.safeParse(payload)
  if (!parsed.success) return { code: null, message: '', reason: 'no reason was given' }
  const { errorMessage } = parsed.data
  const coded = codedMessage(errorMessage)
  return { code: coded?.code ?? null, message: coded?.message ?? errorMessage, reason: errorMessage }
}
