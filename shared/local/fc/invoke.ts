import type { IncomingMessage } from 'node:http'
import type { FunctionDefinition } from './functions.ts'
import { httpResponse } from './http-response.ts'
import { httpEvent, httpTriggerOf } from './http-trigger.ts'
import type { Outcome } from './instance.ts'
import type { Parts } from './parts.ts'
import { exhausted, FcRefusal, functionNotFound } from './refusal.ts'
import type { Reply } from './reply.ts'
import type { Request } from './request.ts'

const maxAsyncBytes = 128 * 1024

const headerOf = (message: IncomingMessage, name: string) => {
  const value = message.headers[name]
  return Array.isArray(value) ? value[0] : value
}

export async function invoke(
  parts: Parts,
  definition: FunctionDefinition,
  request: Request,
  body: Buffer,
): Promise<Reply> {
  const { message } = request
  const type = headerOf(message, 'x-fc-invocation-type')?.toLowerCase()
  if (type === 'async') return await enqueue(parts, definition, message, body)
  return syncReply(message, await run(parts, definition.functionName, request, body))
}

/** A caller that hangs up ends its request, as the platform does. */
async function run(parts: Parts, name: string, { requestId, hungUp }: Request, event: Buffer): Promise<Outcome> {
  const running = parts.targetOf(name).pool.tryInvoke({ requestId, event }, hungUp)
  if (running === null) throw exhausted()
  const outcome = await running
  parts.requestLog.keep(name, requestId, outcome)
  return outcome
}

async function enqueue(
  { queue }: Parts,
  definition: FunctionDefinition,
  message: IncomingMessage,
  body: Buffer,
): Promise<Reply> {
  if (body.length > maxAsyncBytes) {
    const reason = `payload size exceeds ${maxAsyncBytes} bytes of an asynchronous invocation`
    throw new FcRefusal(400, 'EntityTooLarge', reason)
  }
  const taskId =
    headerOf(message, 'x-fc-async-task-id') ?? headerOf(message, 'x-fc-stateful-async-invocation-id') ?? null
  if (taskId !== null && !/^[A-Za-z_][A-Za-z0-9_-]{0,127}$/.test(taskId)) {
    const reason = 'a task id has 1 to 128 letters, digits, _ and -, and begins with a letter or _'
    throw new FcRefusal(400, 'InvalidArgument', reason)
  }
  const remembered = definition.asyncInvokeConfig.asyncTask ? taskId : null
  const accepted = await queue.accept(definition.functionName, body, remembered)
  if (accepted === 'duplicate') throw new FcRefusal(409, 'AsyncTaskAlreadyExists', `task ${taskId} exists already`)
  // No content type: fc2 would parse an empty body as JSON (fc-oss.md §6.1).
  return { status: 202, headers: { 'x-fc-request-id': accepted.requestId } }
}

function syncReply(message: IncomingMessage, outcome: Outcome): Reply {
  const isTail = headerOf(message, 'x-fc-log-type') === 'Tail'
  return {
    status: 200,
    headers: {
      'content-type': outcome.isJson ? 'application/json' : 'application/octet-stream',
      'x-fc-invocation-duration': String(outcome.durationMs),
      'x-fc-max-memory-usage': String(outcome.memoryMb),
      ...(outcome.errorType === null ? {} : { 'x-fc-error-type': outcome.errorType }),
      ...(isTail ? { 'x-fc-log-result': outcome.log.toString('base64') } : {}),
    },
    body: outcome.body,
  }
}

export async function callHttp(
  parts: Parts,
  { functionName, path }: { functionName: string; path: string },
  request: Request,
  body: Buffer,
): Promise<Reply> {
  const { message, requestId } = request
  const trigger = httpTriggerOf(parts.definitions, functionName)
  if (trigger === null) throw functionNotFound(functionName)
  if (!trigger.triggerConfig.methods.includes(message.method ?? ''))
    throw new FcRefusal(405, 'MethodNotAllowed', `${message.method} is not a method of ${trigger.triggerName}`)
  const event = httpEvent(message, body, { path, accountId: parts.options.accountId, requestId })
  return httpResponse(await run(parts, functionName, request, event))
}
