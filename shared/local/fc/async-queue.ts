import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Log } from '../../ports/index.ts'
import { destinationEvent, destinationOf, type End } from './destination.ts'
import type { FunctionDefinition } from './functions.ts'
import type { Outcome } from './instance.ts'
import { openLines } from './lines.ts'
import type { Pool } from './pool.ts'
import { isEnded, type Task, type TaskStore } from './task-store.ts'

export interface AsyncQueue {
  /** @returns `duplicate` for a task id that is known. Resolves once the task is on disk. */
  accept(functionName: string, payload: Uint8Array, taskId: string | null): Promise<{ requestId: string } | 'duplicate'>
  /** @returns false when there is no such task */
  stop(functionName: string, taskId: string): Promise<boolean>
  /** Begins what the last server left: once this one can be called, because functions call it. */
  resume(): void
  close(): Promise<void>
}

export interface QueueOptions {
  readonly store: TaskStore
  /** null: there is no such function. */
  readonly findFunction: (functionName: string) => Target | null
  readonly arnOf: (functionName: string) => string
  /** First wait of the back-off after a failed attempt; doubles. */
  readonly retryBaseMs: number
  readonly onOutcome: (functionName: string, requestId: string, outcome: Outcome) => void
  readonly log: Log
}

export interface Target {
  readonly definition: FunctionDefinition
  readonly pool: Pool
}

/** null: the task has ended, or the queue. */
type Turn = { readonly outcome: Promise<Outcome> } | 'expired' | null

const longestWaitMs = 60_000

/** The asynchronous invocations: retried, aged out, handed to destinations (fc-oss.md §3.3). */
export function openAsyncQueue(options: QueueOptions): AsyncQueue {
  const { store, log } = options
  const closed = new AbortController()
  const working = new Set<Promise<void>>()
  const inLine = openLines()
  const leftByTheLast = store.unfinished()

  const begin = (task: Task) => {
    const { functionName, taskId } = task
    const work = runTask(functionName, taskId)
      .catch((error: unknown) => log.error('the local async queue failed', { reason: String(error), taskId }))
      .finally(() => working.delete(work))
    working.add(work)
  }

  /** The store alone holds the task: it may be stopped meanwhile, and its payload must not stay behind here. */
  async function runTask(functionName: string, taskId: string): Promise<void> {
    const target = options.findFunction(functionName)
    if (target === null) return log.warn('a task waits for a function that is not there', { functionName, taskId })
    for (;;) {
      const turn = await inLine(functionName, () => takeTurn(target, taskId))
      const outcome = turn === null || turn === 'expired' ? null : await turn.outcome
      const task = unfinished(functionName, taskId)
      if (turn === null || task === null) return
      const status = endOf(target.definition, task, outcome)
      if (status !== null) return await end(target.definition, task, status, outcome)
      await store.save({ ...task, status: 'Retrying', error: outcome?.body.toString('utf8') ?? null })
      await pause(options.retryBaseMs * 2 ** (task.attempts - 1))
    }
  }

  /** null: nothing is to be done any more. What a close interrupts is unfinished, and begins again with the next start. */
  function unfinished(functionName: string, taskId: string): Task | null {
    const task = store.find(functionName, taskId)
    return closed.signal.aborted || task === null || isEnded(task) ? null : task
  }

  const pause = (ms: number) =>
    sleep(Math.min(ms, longestWaitMs), undefined, { signal: closed.signal }).catch(() => undefined)

  /** Waits for room. The age is looked at when the turn comes, however long that took. */
  async function takeTurn({ definition, pool }: Target, taskId: string): Promise<Turn> {
    const { functionName, asyncInvokeConfig } = definition
    for (;;) {
      const task = unfinished(functionName, taskId)
      if (task === null) return null
      const leftMs = asyncInvokeConfig.maxAsyncEventAgeInSeconds * 1000 - (Date.now() - task.acceptedAt)
      if (leftMs < 0) return 'expired'
      const running = pool.tryInvoke({ requestId: task.requestId, event: Buffer.from(task.payload, 'base64') })
      if (running !== null) return { outcome: noted(task, running) }
      // A look every 20 ms left the instances of a burst idle for most of the time between two events of 5 ms.
      await pool.whenFreed(Math.min(leftMs + 1, longestWaitMs))
    }
  }

  async function noted(task: Task, running: Promise<Outcome>): Promise<Outcome> {
    const attempt: Task = { ...task, status: 'Running', attempts: task.attempts + 1, startedAt: Date.now() }
    store.note(attempt)
    const outcome = await running
    if (!closed.signal.aborted) options.onOutcome(task.functionName, task.requestId, outcome)
    return outcome
  }

  async function end(definition: FunctionDefinition, task: Task, status: End, outcome: Outcome | null): Promise<void> {
    // Told first: killed between the two, the server tells it again rather than never.
    await tell(destinationOf(definition, status), task, status, outcome)
    const error = status === 'Succeeded' ? null : (outcome?.body.toString('utf8') ?? 'the event was too old')
    await store.save({ ...task, status, endedAt: Date.now(), error })
    const facts = { requestId: task.requestId, status }
    if (status !== 'Succeeded') log.warn(`the platform gave up on ${task.functionName}`, facts)
  }

  async function tell(arn: string | null, task: Task, status: End, outcome: Outcome | null): Promise<void> {
    if (arn === null) return
    const name = /functions\/([^/]+)$/.exec(arn)?.[1] ?? ''
    if (options.findFunction(name) === null) return log.warn('a destination is no function here', { destination: arn })
    await accept(name, destinationEvent(task, status, outcome, options.arnOf(task.functionName)), null)
  }

  const accept: AsyncQueue['accept'] = async (functionName, payload, taskId) => {
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
    if (!(await store.add(task))) return 'duplicate'
    begin(task)
    return { requestId }
  }

  return {
    accept,
    resume: () => leftByTheLast.splice(0).forEach(begin),
    async stop(functionName, taskId) {
      const task = store.find(functionName, taskId)
      if (task === null) return false
      if (isEnded(task)) return true
      await store.save({ ...task, status: 'Stopped', endedAt: Date.now() })
      options.findFunction(functionName)?.pool.killRequest(task.requestId)
      return true
    },
    async close() {
      closed.abort()
      await Promise.all(working)
    },
  }
}

/** null: to be tried again. */
function endOf({ asyncInvokeConfig }: FunctionDefinition, task: Task, outcome: Outcome | null): End | null {
  if (outcome === null) return 'Expired'
  if (outcome.errorType === null) return 'Succeeded'
  return task.attempts > asyncInvokeConfig.maxAsyncRetryAttempts ? 'Failed' : null
}
