import { randomUUID } from 'node:crypto'
import { appendFile, mkdir } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { Log } from '../../ports/index.ts'
import { type AsyncQueue, openAsyncQueue } from './async-queue.ts'
import { environmentOf } from './environment.ts'
import { type FunctionDefinition, readFunctions } from './functions.ts'
import { httpEvent, httpResponse } from './http-trigger.ts'
import type { Outcome } from './instance.ts'
import { functionsFor, type ObjectEvent, refuseOverlaps } from './oss-triggers.ts'
import { openPool, type Pool } from './pool.ts'
import { exhausted, type Family, FcRefusal, functionNotFound } from './refusal.ts'
import { type Route, routeOf } from './routes.ts'
import { type FindSecret, verifySignature } from './signature.ts'
import { openTaskStore, type Task, type TaskStore } from './task-store.ts'
import { startTimers } from './timers.ts'

export interface FcServerOptions {
  readonly yamlPath: string
  /** What `${env('A', 'default')}` in the file sees. */
  readonly variables: Readonly<Record<string, string | undefined>>
  /** Laid over the variables of every function: local endpoints, secrets, test settings. */
  readonly environment: Readonly<Record<string, string>>
  readonly dataDir: string
  /** 0: any free port. Always on 127.0.0.1. */
  readonly port: number
  readonly accountId: string
  readonly region: string
  readonly findSecret: FindSecret
  readonly issueRoleCredentials: () => { accessKeyId: string; accessKeySecret: string; securityToken: string }
  readonly timers?: boolean
  readonly retryBaseMs?: number
  /** Requests that may run at once in the whole account; 100 on most pages of the vendor (fc-oss.md §3.4). */
  readonly accountConcurrency?: number
  readonly log: Log
}

export interface FcServer {
  readonly endpoint: string
  httpTriggerUrl(functionName: string): string | null
  /** Queues one invocation for each trigger that listens. Resolves once they are on disk. */
  deliverOssNotification(notification: { readonly events: readonly ObjectEvent[] }): Promise<void>
  /** Process ids of the instances. */
  pids(): number[]
  close(): Promise<void>
}

const maxSyncBytes = 32 * 1024 * 1024
const maxAsyncBytes = 128 * 1024

/** Function Compute on loopback, for the real SDKs of both generations. */
export async function startFcServer(options: FcServerOptions): Promise<FcServer> {
  const definitions = await readFunctions(options.yamlPath, options.variables)
  refuseOverlaps(definitions)
  await mkdir(join(options.dataDir, 'logs'), { recursive: true })
  const pools = openPools(options, definitions)
  const store = await openTaskStore(join(options.dataDir, 'tasks'))
  const definitionOf = (name: string) =>
    found(
      definitions.find((one) => one.functionName === name),
      name,
    )
  const poolOf = (name: string) => found(pools.get(name), name)
  const onOutcome = (name: string, requestId: string, outcome: Outcome) => keepLog(options, name, requestId, outcome)
  const { retryBaseMs = 1_000, log } = options
  const queue = openAsyncQueue({ store, definitionOf, poolOf, retryBaseMs, onOutcome, log })
  const parts: Parts = { options, definitions, definitionOf, poolOf, store, queue, onOutcome }
  const server = createServer((message, response) => void answer(parts, message, response))
  server.requestTimeout = 0
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port, '127.0.0.1', resolve)
  })
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const timers =
    options.timers === false ? null : startTimers(definitions, (name, event) => void fireTimer(parts, name, event))
  return {
    endpoint,
    httpTriggerUrl: (name) => (hasHttpTrigger(definitions, name) ? `${endpoint}/http/${name}` : null),
    deliverOssNotification: (notification) => deliver(parts, notification.events),
    pids: () => [...pools.values()].flatMap((pool) => pool.pids()),
    async close() {
      timers?.stop()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      const queued = queue.close()
      await Promise.all([...pools.values()].map((pool) => pool.close()))
      await queued
    },
  }
}

interface Parts {
  readonly options: FcServerOptions
  readonly definitions: readonly FunctionDefinition[]
  readonly definitionOf: (name: string) => FunctionDefinition
  readonly poolOf: (name: string) => Pool
  readonly store: TaskStore
  readonly queue: AsyncQueue
  readonly onOutcome: (name: string, requestId: string, outcome: Outcome) => void
}

function found<T>(value: T | undefined, name: string): T {
  if (value === undefined) throw functionNotFound(name)
  return value
}

function openPools(options: FcServerOptions, definitions: readonly FunctionDefinition[]): Map<string, Pool> {
  const account = { running: 0, limit: options.accountConcurrency ?? 100 }
  const pools = new Map<string, Pool>()
  for (const definition of definitions) {
    // One function gets at most 90 % of the account (fc-oss.md §3.4).
    const concurrency = definition.concurrencyConfig?.reservedConcurrency ?? Math.floor(account.limit * 0.9)
    const instance = { definition, ...environmentOf(definition, options) }
    pools.set(definition.functionName, openPool(instance, { concurrency, account }))
  }
  return pools
}

const hasHttpTrigger = (definitions: readonly FunctionDefinition[], name: string) =>
  definitions.some((one) => one.functionName === name && one.triggers.some((trigger) => trigger.triggerType === 'http'))

/** One line a request, and the last lines the function wrote. */
function keepLog({ dataDir, log }: FcServerOptions, name: string, requestId: string, outcome: Outcome): void {
  const { errorType, durationMs, memoryMb } = outcome
  const error = errorType === null ? null : outcome.body.toString('utf8')
  const line = JSON.stringify({
    time: new Date().toISOString(),
    requestId,
    errorType,
    error,
    durationMs,
    memoryMb,
    log: outcome.log,
  })
  appendFile(join(dataDir, 'logs', `${name}.log`), `${line}\n`).catch((error: unknown) =>
    log.warn('a log line of a function is lost', { reason: String(error) }),
  )
}

async function deliver({ definitions, queue, options }: Parts, events: readonly ObjectEvent[]): Promise<void> {
  for (const event of events) {
    const listening = functionsFor(definitions, event)
    for (const name of listening) await queue.accept(name, Buffer.from(JSON.stringify({ events: [event] })), null)
    if (listening.length === 0)
      options.log.info('no trigger listens', { event: event.eventName, key: event.oss.object.key })
  }
}

async function fireTimer({ queue, options }: Parts, name: string, event: object): Promise<void> {
  try {
    await queue.accept(name, Buffer.from(JSON.stringify(event)), null)
  } catch (error) {
    options.log.error('a timer event is lost', { function: name, reason: String(error) })
  }
}

interface Reply {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Buffer
}

async function answer(parts: Parts, message: IncomingMessage, response: ServerResponse): Promise<void> {
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

const json = (body: unknown): Reply => ({
  status: 200,
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(body),
})
const taskNotFound = (taskId: string) => new FcRefusal(404, 'AsyncTaskNotFound', `task ${taskId} does not exist`)

function taskOf({ store }: Parts, { functionName, taskId }: { functionName: string; taskId: string }): Task {
  const task = store.find(functionName, taskId)
  if (task === null) throw taskNotFound(taskId)
  return task
}

/** fc-oss.md §3.2. */
const taskFacts = (task: Task) => ({
  taskId: task.taskId,
  status: task.status,
  requestId: task.requestId,
  startedTime: task.startedAt,
  endTime: task.endedAt,
  durationMs: task.startedAt !== null && task.endedAt !== null ? task.endedAt - task.startedAt : null,
  alreadyRetriedTimes: Math.max(0, task.attempts - 1),
  taskErrorMessage: task.error,
})

async function readBody(message: IncomingMessage): Promise<Buffer> {
  const pieces: Buffer[] = []
  let size = 0
  for await (const piece of message as AsyncIterable<Buffer>) {
    size += piece.length
    if (size <= maxSyncBytes) pieces.push(piece)
  }
  if (size > maxSyncBytes) throw new FcRefusal(413, 'EntityTooLarge', `payload size exceeds ${maxSyncBytes} bytes`)
  return Buffer.concat(pieces)
}

const headerOf = (message: IncomingMessage, name: string) => {
  const value = message.headers[name]
  return Array.isArray(value) ? value[0] : value
}

async function invoke(
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
    headerOf(message, 'x-fc-log-type') === 'Tail'
      ? { 'x-fc-log-result': Buffer.from(outcome.log).toString('base64') }
      : {}
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

async function callHttp(
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
