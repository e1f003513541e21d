import type * as z from 'zod'
import { readConfig } from '../config/index.ts'
import { asTransferError, issuesText, outwardMessage, TransferError } from '../errors/index.ts'
import type { Deadline, World } from '../run/world.ts'
import { FunctionContext } from './function-context.ts'
import { jsonLog } from './json-log.ts'
import { answerPing } from './ping.ts'
import { openWarm, openWorld } from './world.ts'

export type Handler = (event: Buffer, context: unknown) => Promise<unknown>

/**
 * The frame of every function: parses the event, wires the world, arms the deadline and logs under the request's id.
 * An error is thrown on, so that the platform sees a failed invocation and its queue repeats it; one that no repeat can
 * cure has been recorded before (run/step.ts) or is the caller's to read.
 */
export function handle<S extends z.ZodType, A>(
  schema: S,
  useCase: (world: World, event: z.infer<S>, deadline: Deadline) => Promise<A>,
): Handler {
  const warm = openWarm()
  return async (event, rawContext) => {
    const context = FunctionContext.parse(rawContext)
    const log = jsonLog((line) => process.stdout.write(`${line}\n`), { requestId: context.requestId })
    try {
      const config = readConfig(process.env)
      const pong = answerPing(event, context, config)
      if (pong !== null) return pong
      const world = await openWorld({ config, environment: process.env, context, log, warm, invocation: context })
      const deadline = armDeadline(context.function.timeout, world.settings.deadlineReserveMs)
      return await useCase(world, parseEvent(schema, event), deadline)
    } catch (thrown) {
      const error = asTransferError(thrown)
      log.error('the function failed', { error: error.report() })
      // Of an error the platform hands its message to callers and destinations, and drops every other field.
      throw new Error(outwardMessage(error), { cause: error })
    }
  }
}

/** @throws event/invalid with the path of each fault, never its value */
export function parseEvent<S extends z.ZodType>(schema: S, event: Buffer): z.infer<S> {
  const value = parseJson(event)
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const { issues } = parsed.error
  throw new TransferError('event/invalid', issuesText(issues, value, 'event'), { faults: issues.length })
}

function parseJson(event: Buffer): unknown {
  try {
    return JSON.parse(event.toString('utf8'))
  } catch (cause) {
    throw new TransferError('event/invalid', 'the event is not JSON', { bytes: event.length }, { cause })
  }
}

/** New records are refused a reserve before the platform's limit, and work is aborted half that reserve before it. */
export function armDeadline(timeoutSeconds: number, reserveMs: number): Deadline {
  const timeoutMs = timeoutSeconds * 1000
  const reserve = Math.min(reserveMs, timeoutMs / 4)
  return { signal: AbortSignal.timeout(timeoutMs - reserve / 2), softAt: new Date(Date.now() + timeoutMs - reserve) }
}
