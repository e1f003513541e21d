import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { readBody } from './body.ts'
import { callHttp, invoke } from './invoke.ts'
import type { Parts } from './parts.ts'
import { FcRefusal } from './refusal.ts'
import { json, type Reply } from './reply.ts'
import type { Request } from './request.ts'
import { familyOf, type Route, routeOf } from './routes.ts'
import { verifySignature } from './signature.ts'
import { taskListReply, taskNotFound, taskReply } from './task-replies.ts'

/** Never rejects: whatever goes wrong with one request is its own answer. */
export async function answer(parts: Parts, message: IncomingMessage, response: ServerResponse): Promise<void> {
  const hungUp = new AbortController()
  response.once('close', () => {
    if (!response.writableFinished) hungUp.abort()
  })
  const request = { message, url: message.url ?? '/', requestId: randomUUID(), hungUp: hungUp.signal }
  try {
    send(response, request, await replyTo(parts, request))
  } catch (error) {
    if (!response.headersSent && !response.destroyed) send(response, request, refusalReply(parts, error, request))
  }
}

function send(response: ServerResponse, { requestId }: Request, { status, headers = {}, body = '' }: Reply): void {
  if (response.destroyed) return
  response.writeHead(status, {
    'x-fc-request-id': requestId,
    ...headers,
    'content-length': String(Buffer.byteLength(body)),
  })
  response.end(body)
}

function refusalReply({ options }: Parts, error: unknown, { url, requestId }: Request): Reply {
  const refusal =
    error instanceof FcRefusal ? error : new FcRefusal(500, 'InternalServerError', 'an internal error has occurred')
  if (refusal !== error) options.log.error('the local function server failed', { reason: String(error) })
  return {
    status: refusal.status,
    headers: { 'content-type': 'application/json' },
    body: refusal.bodyFor(familyOf(url), requestId),
  }
}

async function replyTo(parts: Parts, request: Request): Promise<Reply> {
  const { message, url } = request
  const route = routeOf(message.method ?? 'GET', url)
  const body = await readBody(message)
  if (route.to === 'http') return await callHttp(parts, route, request, body)
  verifySignature(message, body, parts.options.findSecret)
  if (route.to === 'nowhere') throw new FcRefusal(400, 'PathNotSupported', `path ${url} is not supported`)
  return await signedReply(parts, route, request, body)
}

async function signedReply(
  parts: Parts,
  route: Exclude<Route, { to: 'http' | 'nowhere' }>,
  request: Request,
  body: Buffer,
): Promise<Reply> {
  const { store, queue } = parts
  const { functionName, family } = route
  const { definition } = parts.targetOf(functionName)
  switch (route.to) {
    case 'invoke':
      return await invoke(parts, definition, request, body)
    case 'function': {
      const { runtime, handler, memorySize, timeout } = definition
      return json({ functionName, runtime, handler, memorySize, timeout })
    }
    case 'tasks':
      return taskListReply(family, store.list(functionName), new URL(request.url, 'http://localhost').searchParams)
    case 'task': {
      const task = store.find(functionName, route.taskId)
      if (task === null) throw taskNotFound(route.taskId)
      return taskReply(family, task)
    }
    case 'stop-task':
      if (!(await queue.stop(functionName, route.taskId))) throw taskNotFound(route.taskId)
      return { status: 204 }
  }
}
