import * as z from 'zod'
import { codedMessage, type ErrorCode, TransferError } from '../errors/index.ts'
import type { FunctionName, Invoker } from '../ports/index.ts'
import { retrying } from './retry.ts'

/** How one generation of the API carries a call; `invokerOn` adds what both need. */
export interface Carrier {
  async(functionName: string, body: Buffer, taskId: string): Promise<void>
  sync(functionName: string, body: Buffer, timeoutMs: number): Promise<{ errorType: string | null; body: Buffer }>
  /** Status and code of a refusal, however the SDK hides them; null when no answer came. */
  refusalOf(error: unknown): { status: number; code: string } | null
}

/** The platform's limit for asynchronous events (fc-oss.md §3.4). */
const maxAsyncBytes = 128 * 1024

export function invokerOn(carrier: Carrier, nameOf: (name: FunctionName) => string): Invoker {
  return {
    async invokeAsync(name, event, taskId) {
      const body = Buffer.from(JSON.stringify(event))
      if (body.length > maxAsyncBytes) {
        const message = `the event for ${name} has ${body.length} bytes, at most ${maxAsyncBytes} are taken`
        throw new TransferError('event/too-large', message, { function: name, bytes: body.length })
      }
      return await retrying(() => queueOnce(carrier, nameOf(name), body, taskId))
    },
    async invokeSync(name, event, timeoutMs) {
      const body = Buffer.from(JSON.stringify(event))
      const answer = await carrier.sync(nameOf(name), body, timeoutMs).catch((error: unknown) => {
        throw asInvokeError(carrier, nameOf(name), error)
      })
      if (answer.errorType !== null) throw handlerError(nameOf(name), answer.body)
      return answer.body.length === 0 ? null : (JSON.parse(answer.body.toString('utf8')) as unknown)
    },
  }
}

async function queueOnce(
  carrier: Carrier,
  functionName: string,
  body: Buffer,
  taskId: string,
): Promise<'queued' | 'duplicate'> {
  try {
    await carrier.async(functionName, body, taskId)
    return 'queued'
  } catch (error) {
    if (carrier.refusalOf(error)?.status === 409) return 'duplicate'
    throw asInvokeError(carrier, functionName, error)
  }
}

const byStatus: Readonly<Record<number, ErrorCode>> = {
  400: 'event/invalid',
  403: 'connect/permission-denied',
  404: 'platform/function-missing',
  413: 'event/too-large',
  429: 'platform/throttled',
}

const byCode: Readonly<Record<string, ErrorCode>> = {
  EntityTooLarge: 'event/too-large',
  InvalidAccessKeyID: 'connect/wrong-credentials',
  InvalidSecurityToken: 'connect/wrong-credentials',
  SignatureNotMatch: 'connect/wrong-credentials',
  ResourceExhausted: 'platform/throttled',
}

function asInvokeError(carrier: Carrier, functionName: string, cause: unknown): TransferError {
  const refusal = carrier.refusalOf(cause)
  const place = { function: functionName }
  if (refusal === null) {
    return new TransferError('connect/unreachable', `no answer from Function Compute for ${functionName}`, place, {
      cause,
    })
  }
  const { status, code } = refusal
  const errorCode = byCode[code] ?? byStatus[status] ?? 'platform/unavailable'
  return new TransferError(
    errorCode,
    `Function Compute answered ${status} ${code} for ${functionName}`,
    { ...place, status },
    { cause },
  )
}

const HandlerFailure = z.object({ errorMessage: z.string() })

/** A handler that threw arrives as 200 with a header (fc-oss.md §3.1). */
function handlerError(functionName: string, body: Buffer): TransferError {
  const place = { function: functionName }
  const failure = HandlerFailure.safeParse(parsedOrNull(body))
  const reason = failure.success ? failure.data.errorMessage : 'no reason was given'
  const ours = codedMessage(reason)
  return ours === null
    ? new TransferError('platform/function-failed', `${functionName} failed: ${reason}`, place)
    : new TransferError(ours.code, ours.message, place)
}

function parsedOrNull(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'))
  } catch {
    return null
  }
}
