import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Log } from '../../ports/index.ts'
import type { FunctionDefinition } from './functions.ts'
import type { Outcome } from './instance.ts'
import type { Pool } from './pool.ts'
import { isEnded, type Task, type TaskStore } from './task-store.ts'

export interface AsyncQueue {
  /** @returns `duplicate` for a task id that is known. Resolves once the task is on disk. */
  accept(functionName: string, payload: Uint8Array, taskId: string | null): Promise<{ requestId: string } | 'duplicate'>
  stop(functionName: string, taskId: string): Promise<boolean>
  close(): Promise<void>
}

export interface QueueOptions {
  readonly store: TaskStore
  readonly definitionOf: (functionName: string) => FunctionDefinition
  readonly poolOf: (functionName: string) => Pool
  /** First wait of the back-off after a failed attempt or a full function; doubles. */
  readonly retryBaseMs: number
  readonly onOutcome: (functionName: string, requestId: string, outcome: Outcome) => void
  readonly log: Log
}

const longestWaitMs = 60_000
const roomCheckMs = 20

/** The asynchronous invocations: retried, aged out, handed to destinations (fc-oss.md §3.3). */
export function openAsyncQueue(options: QueueOptions): AsyncQueue {
  const { store, log } = options
  const closed = new AbortController()
  const working = new Set<Promise<void>>()
  const lines = new Map<string, Promise<void>>()

  const begin = (task: Task) => {
    const work = runTask(task)
      .catch((error: unknown) =>
        log.error('the local async queue failed', { reason: String(error), taskId: task.taskId }),
      )
      .finally(() => working.delete(work))
    working.add(work)
  }

  async function runTask(first: Task): Promise<void> {
    let task = first
    while (!closed.signal.aborted && !isEnded(task)) {
      if (isTooOld(task)) return await end(task, 'Expired', null)
      const outcome = await attempt(task)
      if (outcome === null) return
      task = { ...(store.find(task.functionName, task.taskId) ?? task) }
      if (isEnded(task)) return
      if (outcome.errorType === null) return await end(task, 'Succeeded', outcome)
      const { maxAsyncRetryAttempts } = options.definitionOf(task.functionName).asyncInvokeConfig
      if (task.attempts > maxAsyncRetryAttempts) return await end(task, 'Failed', outcome)
      task = { ...task, status: 'Retrying', error: outcome.body.toString('utf8') }
      await store.save(task)
      await pause(options.retryBaseMs * 2 ** (task.attempts - 1))
    }
  }

  const pause = (ms: number) =>
    sleep(Math.min(ms, longestWaitMs), undefined, { signal: closed.signal }).catch(() => undefined)

  function isTooOld(task: Task): boolean {
    const { maxAsyncEventAgeInSeconds } = options.definitionOf(task.functionName).asyncInvokeConfig
    return Date.now() - task.acceptedAt > maxAsyncEventAgeInSeconds * 1000
  }

  /** Waits for room, in the order of arrival. null: the queue was closed first. */
  async function attempt(task: Task): Promise<Outcome | null> {
    const started = await inLine(task.functionName, () => startWhenRoom(task))
    return started === null ? null : await started.running
  }

  async function startWhenRoom(task: Task): Promise<{ running: Promise<Outcome> } | null> {
    const pool = options.poolOf(task.functionName)
    while (!pool.hasRoom()) {
      if (closed.signal.aborted) return null
      await pause(roomCheckMs)
    }
    const known = store.find(task.functionName, task.taskId)
    if (closed.signal.aborted || (known !== null && isEnded(known))) return null
    const running: Task = { ...task, status: 'Running', attempts: task.attempts + 1, startedAt: Date.now() }
    const saved = store.save(running)
    const call = { requestId: task.requestId, event: Buffer.from(task.payload, 'base64') }
    const outcome = pool.tryInvoke(call)
    if (outcome === null) throw new Error('a function lost its room between two lines')
    return { running: saved.then(() => outcome).then((given) => noted(task, given)) }
  }

  const noted = (task: Task, outcome: Outcome): Outcome => {
    if (!closed.signal.aborted) options.onOutcome(task.functionName, task.requestId, outcome)
    return outcome
  }

  async function inLine<T>(functionName: string, work: () => Promise<T>): Promise<T> {
    const before = lines.get(functionName) ?? Promise.resolve()
    const mine = before.then(work, work)
    lines.set(
      functionName,
      mine.then(
        () => undefined,
        () => undefined,
      ),
    )
    return await mine
  }

  async function end(task: Task, status: 'Succeeded' | 'Failed' | 'Expired', outcome: Outcome | null): Promise<void> {
    // Closing kills what runs: such a task is unfinished and is delivered again by the next start.
    if (closed.signal.aborted) return
    await toDestination(task, status, outcome)
    const error = status === 'Succeeded' ? null : (outcome?.body.toString('utf8') ?? 'the event was too old')
    await store.save({ ...task, status, endedAt: Date.now(), error })
    if (status !== 'Succeeded')
      log.warn(`the platform gave up on ${task.functionName}`, { requestId: task.requestId, status })
  }

  async function toDestination(task: Task, status: string, outcome: Outcome | null): Promise<void> {
    const { destinationConfig } = options.definitionOf(task.functionName).asyncInvokeConfig
    const destination = (status === 'Succeeded' ? destinationConfig.onSuccess : destinationConfig.onFailure)
      ?.destination
    if (destination === undefined) return
    const name = /functions\/([^/]+)$/.exec(destination)?.[1]
    if (name === undefined) return log.warn('only functions are destinations on one machine', { destination })
    const conditions: Record<string, string> = {
      Succeeded: 'Success',
      Failed: 'RetriesExhausted',
      Expired: 'EventAgeExceeded',
    }
    const event = {
      timestamp: Date.now(),
      requestContext: {
        requestId: task.requestId,
        functionArn: `acs:fc:::functions/${task.functionName}`,
        condition: conditions[status] ?? status,
        approximateInvokeCount: task.attempts,
      },
      requestPayload: jsonOrText(Buffer.from(task.payload, 'base64').toString('utf8')),
      responseContext: { statusCode: 200, functionError: outcome?.errorType ?? null },
      responsePayload: outcome === null ? null : jsonOrText(outcome.body.toString('utf8')),
    }
    await accept(name, Buffer.from(JSON.stringify(event)), null)
  }

  async function accept(
    functionName: string,
    payload: Uint8Array,
    taskId: string | null,
  ): Promise<{ requestId: string } | 'duplicate'> {
    if (taskId !== null && store.find(functionName, taskId) !== null) return 'duplicate'
    const requestId = randomUUID()
    const task: Task = {
      taskId: taskId ?? requestId,
      functionName,
      requestId,
      payload: Buffer.from(payload).toString('base64'),
      acceptedAt: Date.now(),
      startedAt: null,
      endedAt: null,
      attempts: 0,
      status: 'Enqueued',
      error: null,
    }
    await store.save(task)
    begin(task)
    return { requestId }
  }

  for (const task of store.unfinished()) begin({ ...task, status: 'Enqueued' })

  return {
    accept,
    async stop(functionName, taskId) {
      const task = store.find(functionName, taskId)
      if (task === null) return false
      if (isEnded(task)) return true
      await store.save({ ...task, status: 'Stopped', endedAt: Date.now() })
      options.poolOf(functionName).killRequest(task.requestId)
      return true
    },
    async close() {
      closed.abort()
      await Promise.all(working)
    },
  }
}

function jsonOrText(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
