import { type ChildProcess, fork } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { FunctionDefinition } from './functions.ts'

export interface Outcome {
  /** null: the handler returned. The platform's names for everything else go into `X-Fc-Error-Type`. */
  readonly errorType: 'UnhandledInvocationError' | null
  readonly body: Buffer
  readonly isJson: boolean
  readonly durationMs: number
  readonly memoryMb: number
  readonly log: string
}

export interface Call {
  readonly requestId: string
  readonly event: Uint8Array
}

/** One process, one request at a time. */
export interface Instance {
  readonly id: string
  readonly idleSince: number
  readonly pid: number | undefined
  isAlive(): boolean
  invoke(call: Call): Promise<Outcome>
  /** Ends a request under way, as when the caller of a synchronous invocation hangs up. */
  kill(): void
  stop(): Promise<void>
}

export interface InstanceOptions {
  readonly definition: FunctionDefinition
  readonly environment: Readonly<Record<string, string>>
  readonly contextOf: (requestId: string) => object
}

const memoryCheckMs = 100
const logBytes = 4096

export function startInstance(id: string, { definition, environment, contextOf }: InstanceOptions): Instance {
  const child = fork(fileURLToPath(new URL('bootstrap.mjs', import.meta.url)), {
    env: { ...environment, FC_INSTANCE_ID: id },
    execArgv: [`--max-old-space-size=${Math.floor(definition.memorySize * 0.75)}`],
    serialization: 'advanced',
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  })
  let log = ''
  const keepLog = (piece: Buffer) => {
    log = (log + piece.toString('utf8')).slice(-64 * 1024)
  }
  child.stdout?.on('data', keepLog)
  child.stderr?.on('data', keepLog)
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  let dead = false
  let initialised = false
  let idleSince = Date.now()
  child.once('error', () => {
    dead = true
  })
  child.once('exit', () => {
    dead = true
  })

  async function invoke(call: Call): Promise<Outcome> {
    log = ''
    const startedAt = Date.now()
    const watch = watchLimits(child, definition)
    try {
      const answer =
        (await initialise(call)) ??
        (await ask(child, 'invoke', definition.handler, call, contextOf(call.requestId), ended))
      const durationMs = Date.now() - startedAt
      const facts = { durationMs, memoryMb: watch.peakMb(), log: log.slice(-logBytes) }
      if (answer !== null)
        return {
          errorType: answer.ok ? null : 'UnhandledInvocationError',
          body: Buffer.from(answer.body),
          isJson: answer.isJson,
          ...facts,
        }
      return {
        errorType: 'UnhandledInvocationError',
        body: bodyOf(watch.killedFor(), durationMs, watch.peakMb()),
        isJson: true,
        ...facts,
      }
    } finally {
      watch.stop()
      idleSince = Date.now()
    }
  }

  /** Once an instance; a failure is the answer of the request that caused it, and the next request tries again. */
  async function initialise(call: Call): Promise<Reply | null> {
    const handler = definition.instanceLifecycleConfig.initializer?.handler
    if (initialised || handler === undefined) return null
    const answer = await ask(child, 'hook', handler, call, contextOf(call.requestId), ended)
    if (answer?.ok !== true) return answer
    initialised = true
    return null
  }

  async function stop(): Promise<void> {
    const handler = definition.instanceLifecycleConfig.preStop?.handler
    if (handler !== undefined && !dead) {
      await ask(
        child,
        'hook',
        handler,
        { requestId: `${id}-stop`, event: Buffer.alloc(0) },
        contextOf(`${id}-stop`),
        ended,
      )
    }
    if (!dead) child.kill('SIGKILL')
    await ended
  }

  return {
    id,
    pid: child.pid,
    get idleSince() {
      return idleSince
    },
    isAlive: () => !dead,
    invoke,
    kill: () => void child.kill('SIGKILL'),
    stop,
  }
}

interface Reply {
  readonly ok: boolean
  readonly body: Uint8Array
  readonly isJson: boolean
}

/** null: the process ended before it answered. */
function ask(
  child: ChildProcess,
  kind: 'invoke' | 'hook',
  handler: string,
  call: Call,
  context: object,
  ended: Promise<void>,
): Promise<Reply | null> {
  return new Promise((resolve) => {
    const onMessage = (message: unknown) => {
      if (!isReply(message, call.requestId)) return
      child.off('message', onMessage)
      resolve(message)
    }
    child.on('message', onMessage)
    void ended.then(() => resolve(null))
    child.send({ id: call.requestId, kind, handler, event: call.event, context }, (error) => {
      if (error !== null) resolve(null)
    })
  })
}

const isReply = (message: unknown, id: string): message is Reply =>
  typeof message === 'object' && message !== null && 'id' in message && message.id === id

/** Kills the process over its memory or its time, as the platform does. */
function watchLimits(child: ChildProcess, { memorySize, timeout }: FunctionDefinition) {
  let peakMb = 0
  let reason: 'timeout' | 'memory' | null = null
  const killFor = (why: 'timeout' | 'memory') => {
    reason ??= why
    child.kill('SIGKILL')
  }
  const clock = setTimeout(() => killFor('timeout'), timeout * 1000)
  const meter = setInterval(() => {
    peakMb = Math.max(peakMb, residentMb(child.pid))
    if (peakMb > memorySize) killFor('memory')
  }, memoryCheckMs)
  return {
    peakMb: () => Math.max(peakMb, residentMb(child.pid)),
    killedFor: () => reason,
    stop: () => {
      clearTimeout(clock)
      clearInterval(meter)
    },
  }
}

/** 0 where there is no /proc: memory is then limited by V8's heap size alone. */
function residentMb(pid: number | undefined): number {
  try {
    const found = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
    return Math.round(Number(found?.[1] ?? 0) / 1024)
  } catch {
    return 0
  }
}

function bodyOf(reason: 'timeout' | 'memory' | null, durationMs: number, memoryMb: number): Buffer {
  const facts = `(duration: ${durationMs}ms, maxMemoryUsage: ${memoryMb}MB)`
  const messages = {
    timeout: `Function time out after ${durationMs}ms ${facts}`,
    memory: `Function out of memory: process exited ${facts}`,
    exit: `Process exited unexpectedly before completing request ${facts}`,
  }
  return Buffer.from(JSON.stringify({ errorMessage: messages[reason ?? 'exit'] }))
}
