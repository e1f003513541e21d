import type { FunctionDefinition } from './functions.ts'
import type { Guardian } from './guardian.ts'
import { type Limits, watchLimits } from './limits.ts'
import { type Question, type RuntimeAnswer, startRuntime } from './runtime-process.ts'

export interface Outcome {
  /** null: the handler returned. The platform's names for everything else go into `X-Fc-Error-Type`. */
  readonly errorType: 'UnhandledInvocationError' | null
  readonly body: Buffer
  readonly isJson: boolean
  readonly durationMs: number
  readonly memoryMb: number
  /** The last 4 KB. */
  readonly log: Buffer
}

export interface Call {
  readonly requestId: string
  readonly event: Uint8Array
}

/** One process, one request at a time. */
export interface Instance {
  readonly idleSince: number
  readonly pid: number | undefined
  isAlive(): boolean
  invoke(call: Call): Promise<Outcome>
  /** Ends a request under way, as when the caller of a synchronous invocation hangs up. */
  kill(): void
  /** For an instance without a request. Resolves when its process is gone. */
  stop(): Promise<void>
}

export interface InstanceOptions {
  readonly definition: FunctionDefinition
  readonly environment: Readonly<Record<string, string>>
  readonly contextOf: (requestId: string) => object
  readonly nodeOptions: readonly string[]
  readonly compiledDir: string | null
  readonly guardian: Guardian
}

const logBytes = 4096

export function startInstance(id: string, options: InstanceOptions): Instance {
  const { definition, contextOf, guardian, nodeOptions, compiledDir } = options
  const { memorySize, handler, timeout } = definition
  const { initializer, preStop } = definition.instanceLifecycleConfig
  const environment = { ...options.environment, FC_INSTANCE_ID: id }
  const runtime = startRuntime({ environment, memorySize, nodeOptions, compiledDir })
  const { pid } = runtime
  if (pid !== undefined) {
    guardian.watch(pid)
    void runtime.ended.then(() => guardian.forget(pid))
  }
  let initialised = initializer === undefined
  let idleSince = Date.now()

  const ask = (phase: Question['phase'], name: string, { requestId, event }: Call) =>
    runtime.ask({ id: requestId, phase, handler: name, event, context: contextOf(requestId) })

  async function invoke(call: Call): Promise<Outcome> {
    // Time and log are the request's own: a start is no part of the one, the instance's idle time none of the other.
    await runtime.ready
    runtime.takeLog()
    const startedAt = Date.now()
    const limits = watchLimits(runtime, memorySize)
    try {
      const answer = (await initialise(call, limits)) ?? (await limits.within(timeout, ask('Invoke', handler, call)))
      return outcomeOf(answer, Date.now() - startedAt, limits, runtime.takeLog())
    } finally {
      limits.stop()
      idleSince = Date.now()
    }
  }

  /** Once an instance; a failure is the answer of the request that caused it, and the next request tries again. */
  async function initialise(call: Call, limits: Limits): Promise<RuntimeAnswer | null> {
    if (initialised || initializer === undefined) return null
    const answer = await limits.within(initializer.timeout ?? timeout, ask('Initialize', initializer.handler, call))
    if (answer?.ok !== true) return answer
    initialised = true
    return null
  }

  async function stop(): Promise<void> {
    if (preStop !== undefined && initialised && runtime.isAlive()) {
      await runtime.ready
      const limits = watchLimits(runtime, memorySize)
      const call = { requestId: `${id}-stop`, event: Buffer.alloc(0) }
      await limits.within(preStop.timeout, ask('PreStop', preStop.handler, call))
      limits.stop()
    }
    await runtime.dismiss()
  }

  return {
    pid,
    get idleSince() {
      return idleSince
    },
    isAlive: runtime.isAlive,
    invoke,
    kill: runtime.kill,
    stop,
  }
}

function outcomeOf(answer: RuntimeAnswer | null, durationMs: number, limits: Limits, log: string): Outcome {
  const memoryMb = limits.peakMb()
  const facts = { durationMs, memoryMb, log: Buffer.from(log).subarray(-logBytes) }
  if (answer === null) {
    const isHeapFull = log.includes('JavaScript heap out of memory')
    const body = deathNote(limits.killedFor() ?? (isHeapFull ? 'memory' : null), durationMs, memoryMb)
    return { errorType: 'UnhandledInvocationError', body, isJson: true, ...facts }
  }
  const errorType = answer.ok ? null : 'UnhandledInvocationError'
  return { errorType, body: Buffer.from(answer.body), isJson: answer.isJson, ...facts }
}

function deathNote(reason: 'timeout' | 'memory' | null, durationMs: number, memoryMb: number): Buffer {
  const facts = `(duration: ${durationMs}ms, maxMemoryUsage: ${memoryMb}MB)`
  const messages = {
    timeout: `Function time out after ${durationMs}ms ${facts}`,
    memory: `Function out of memory: process exited ${facts}`,
    exit: `Process exited unexpectedly before completing request ${facts}`,
  }
  return Buffer.from(JSON.stringify({ errorMessage: messages[reason ?? 'exit'] }))
}
