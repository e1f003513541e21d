import { randomUUID } from 'node:crypto'
import { type Call, type Instance, type InstanceOptions, type Outcome, startInstance } from './instance.ts'

/** The instances of one function. */
export interface Pool {
  /** null: as many requests run as the function may have. */
  tryInvoke(call: Call, cancelled?: AbortSignal): Promise<Outcome> | null
  hasRoom(): boolean
  /** Resolves when a request has ended, of this function or another, or the time is over. */
  whenFreed(withinMs: number): Promise<void>
  /** Kills the instance that works on a request. @returns whether there was one */
  killRequest(requestId: string): boolean
  pids(): number[]
  /** Ends what runs and lets `preStop` run in what is idle. Resolves when every process is gone. */
  close(): Promise<void>
}

export interface PoolLimits {
  /** `reservedConcurrency`, or what the account leaves to one function. */
  readonly concurrency: number
  readonly account: Account
}

/** What all functions share. */
export interface Account {
  running: number
  readonly limit: number
  /** Told when a request has ended. */
  readonly waiting: Set<() => void>
}

/** Function Compute keeps one "usually 3 to 5 minutes" (documentation, Instance modes: on-demand mode). */
const idleMs = 180_000

export function openPool(options: InstanceOptions, limits: PoolLimits): Pool {
  const idle: Instance[] = []
  const busy = new Map<string, Instance>()
  /** Requests under way, and instances on their way out: `close` must wait for both. */
  const running = new Set<Promise<Outcome>>()
  const ends = new Set<Promise<void>>()
  const { account, concurrency } = limits
  let closed = false

  const retire = (instance: Instance) => {
    const end = instance.stop().finally(() => ends.delete(end))
    ends.add(end)
  }
  const isCold = (one: Instance) => !one.isAlive() || Date.now() - one.idleSince > idleMs
  const reaper = setInterval(() => {
    for (const instance of idle.splice(0)) {
      if (isCold(instance)) retire(instance)
      else idle.push(instance)
    }
  }, 10_000)
  reaper.unref()

  const tellFreed = () => {
    for (const told of [...account.waiting]) told()
  }
  const whenFreed = (withinMs: number) =>
    new Promise<void>((resolve) => {
      const told = () => {
        clearTimeout(timer)
        account.waiting.delete(told)
        resolve()
      }
      const timer = setTimeout(told, withinMs)
      account.waiting.add(told)
    })

  const hasRoom = () => !closed && busy.size < concurrency && account.running < account.limit

  async function invoke(call: Call, cancelled?: AbortSignal): Promise<Outcome> {
    const instance = warmInstance() ?? startInstance(`i-${randomUUID()}`, options)
    const onCancel = () => instance.kill()
    busy.set(call.requestId, instance)
    account.running += 1
    cancelled?.addEventListener('abort', onCancel, { once: true })
    try {
      return await instance.invoke(call)
    } finally {
      cancelled?.removeEventListener('abort', onCancel)
      account.running -= 1
      busy.delete(call.requestId)
      if (closed || !instance.isAlive()) retire(instance)
      else idle.push(instance)
      tellFreed()
    }
  }

  function warmInstance(): Instance | undefined {
    for (let instance = idle.pop(); instance !== undefined; instance = idle.pop())
      if (instance.isAlive()) return instance
    return undefined
  }

  return {
    hasRoom,
    whenFreed,
    tryInvoke(call, cancelled) {
      if (!hasRoom()) return null
      const outcome = invoke(call, cancelled).finally(() => running.delete(outcome))
      running.add(outcome)
      return outcome
    },
    killRequest(requestId) {
      busy.get(requestId)?.kill()
      return busy.has(requestId)
    },
    pids: () =>
      [...idle, ...busy.values()].filter((one) => one.isAlive()).flatMap(({ pid }) => (pid === undefined ? [] : [pid])),
    async close() {
      closed = true
      clearInterval(reaper)
      for (const instance of busy.values()) instance.kill()
      for (const instance of idle.splice(0)) retire(instance)
      tellFreed()
      // A request that was killed retires its instance on its way out.
      await Promise.allSettled(running)
      await Promise.all(ends)
    },
  }
}
