import type { IncomingMessage, ServerResponse } from 'node:http'
import type { FunctionDefinition } from './functions.ts'
import { hasHttpTrigger, httpEvent, httpResponse } from './http-trigger.ts'
import type { Outcome } from './instance.ts'
import type { Parts } from './parts.ts'
import { exhausted, FcRefusal, functionNotFound } from './refusal.ts'
import type { Reply } from './reply.ts'

const maxAsyncBytes = 128 * 1024

const headerOf = (message: IncomingMessage, name: string) => {
  const value = message.headers[name]
  return Array.isArray(value) ? value[0] : value
}

export async function invoke(
  parts: Parts,
  definition: FunctionDefinition,
  message: IncomingMessage,
  body: Buffer,
  response: ServerResponse,
  requestId: string,
): Promise<Reply> {
  const name = definition.functionName
  if (headerOf(message, 'x-fc-invocation-type')?.toLowerCase() === 'async')
    return await enqueue(parts, definition, message, body)
  const hungUp = new AbortController()
  response.once('close', () => {
    if (!response.writableFinished) hungUp.abort()
  })
  const running = parts.poolOf(name).tryInvoke({ requestId, event: body }, hungUp.signal)
  if (running === null) throw exhausted()
  const outcome = await running
  parts.onOutcome(name, requestId, outcome)
  return syncReply(message, outcome)
}

async function enqueue(
  { queue }: Parts,
  definition: FunctionDefinition,
  message: IncomingMessage,
  body: Buffer,
): Promise<Reply> {
  if (body.length > maxAsyncBytes) {
    throw new FcRefusal(
      400,
      'EntityTooLarge',
      `payload size exceeds ${maxAsyncBytes} bytes of an asynchronous invocation`,
    )
  }
  const taskId =
    headerOf(message, 'x-fc-async-task-id') ?? headerOf(message, 'x-fc-stateful-async-invocation-id') ?? null
  if (taskId !== null && !/^[A-Za-z_][A-Za-z0-9_-]{0,127}$/.test(taskId)) {
    throw new FcRefusal(
      400,
      'InvalidArgument',
      'a task id has 1 to 128 letters, digits, _ and -, and begins with a letter or _',
    )
  }
  const remembered = definition.asyncInvokeConfig.asyncTask ? taskId : null
  const accepted = await queue.accept(definition.functionName, body, remembered)
  if (accepted === 'duplicate') throw new FcRefusal(409, 'AsyncTaskAlreadyExists', `task ${taskId} exists already`)
  // No content type: fc2 would parse an empty body as JSON (fc-oss.md §6.1).
  return { status: 202, headers: { 'x-fc-request-id': accepted.requestId } }
}

function syncReply(message: IncomingMessage, outcome: Outcome): Reply {
  const tail =
    headerOf(message, 'x-fc-log-type') === 'Tail' ? { 'x-fc-log-result': outcome.log.toString('base64') } : {}
  return {
    status: 200,
    headers: {
      'content-type': outcome.isJson ? 'application/json' : 'application/octet-stream',
      'x-fc-invocation-duration': String(outcome.durationMs),
      'x-fc-max-memory-usage': String(outcome.memoryMb),
      ...(outcome.errorType === null ? {} : { 'x-fc-error-type': outcome.errorType }),
      ...tail,
    },
    body: outcome.body,
  }
}

export async function callHttp(
  parts: Parts,
  { functionName, path }: { functionName: string; path: string },
  message: IncomingMessage,
  body: Buffer,
  requestId: string,
): Promise<Reply> {
  if (!hasHttpTrigger(parts.definitions, functionName)) throw functionNotFound(functionName)
  const event = httpEvent(message, body, { path, accountId: parts.options.accountId, requestId })
  const running = parts.poolOf(functionName).tryInvoke({ requestId, event })
  if (running === null) throw exhausted()
  const outcome = await running
  parts.onOutcome(functionName, requestId, outcome)
  const { status, headers, body: answerBody } = httpResponse(outcome)
  return { status, headers, body: answerBody }
}
