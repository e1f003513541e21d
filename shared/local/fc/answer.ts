import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { readBody } from './body.ts'
import { callHttp, invoke } from './invoke.ts'
import type { Parts } from './parts.ts'
import { type Family, FcRefusal } from './refusal.ts'
import { json, type Reply } from './reply.ts'
import { type Route, routeOf } from './routes.ts'
import { verifySignature } from './signature.ts'
import { taskFacts, taskNotFound, taskOf } from './task-replies.ts'

export async function answer(parts: Parts, message: IncomingMessage, response: ServerResponse): Promise<void> {
  const requestId = randomUUID()
  const route = routeOf(message.method ?? 'GET', message.url ?? '/')
  const reply = await replyTo(parts, route, message, response, requestId).catch((error: unknown) =>
    refusalReply(parts, error, route, requestId),
  )
  const { status, headers = {}, body = '' } = reply
  if (response.destroyed) return
  response.writeHead(status, {
    'x-fc-request-id': requestId,
    'content-length': String(Buffer.byteLength(body)),
    ...headers,
  })
  response.end(body)
}

function refusalReply({ options }: Parts, error: unknown, route: Route, requestId: string): Reply {
  const refusal =
    error instanceof FcRefusal ? error : new FcRefusal(500, 'InternalServerError', 'an internal error has occurred')
  if (refusal !== error) options.log.error('the local function server failed', { reason: String(error) })
  const family: Family = 'family' in route ? route.family : '2023-03-30'
  return {
    status: refusal.status,
    headers: { 'content-type': 'application/json' },
    body: refusal.bodyFor(family, requestId),
  }
}

async function replyTo(
  parts: Parts,
  route: Route,
  message: IncomingMessage,
  response: ServerResponse,
  requestId: string,
): Promise<Reply> {
  const body = await readBody(message)
  if (route.to === 'http') return await callHttp(parts, route, message, body, requestId)
  verifySignature(message, body, parts.options.findSecret)
  if (route.to === 'nowhere') throw new FcRefusal(404, 'PathNotSupported', `path ${message.url} is not supported`)
  const definition = parts.definitionOf(route.functionName)
  switch (route.to) {
    case 'invoke':
      return await invoke(parts, definition, message, body, response, requestId)
    case 'function':
      return json({
        functionName: definition.functionName,
        runtime: definition.runtime,
        handler: definition.handler,
        memorySize: definition.memorySize,
        timeout: definition.timeout,
      })
    case 'tasks':
      return json({ tasks: parts.store.list(route.functionName).map(taskFacts) })
    case 'task':
      return json(taskFacts(taskOf(parts, route)))
    case 'stop-task':
      if (!(await parts.queue.stop(route.functionName, route.taskId))) throw taskNotFound(route.taskId)
      return { status: 204 }
  }
}
