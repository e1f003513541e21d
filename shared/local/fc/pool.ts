import { randomUUID } from 'node:crypto'
import { type Call, type Instance, type InstanceOptions, type Outcome, startInstance } from './instance.ts'

/** The instances of one function. */
export interface Pool {
  /** null: as many requests run as the function may have. */
  tryInvoke(call: Call, cancelled?: AbortSignal): Promise<Outcome> | null
  hasRoom(): boolean
  /** Kills the instance that works on a request. @returns whether there was one */
  killRequest(requestId: string): boolean
  pids(): number[]
  close(): Promise<void>
}

export interface PoolLimits {
  /** `reservedConcurrency`, or what the account leaves to one function. */
  readonly concurrency: number
  readonly account: { running: number; readonly limit: number }
}

const idleMs = 60_000

export function openPool(options: InstanceOptions, limits: PoolLimits): Pool {
  const idle: Instance[] = []
  const busy = new Map<string, Instance>()
  const { account, concurrency } = limits
  const reaper = setInterval(() => {
    for (const instance of idle.filter((one) => Date.now() - one.idleSince > idleMs)) {
      idle.splice(idle.indexOf(instance), 1)
      void instance.stop()
    }
  }, 10_000)
  reaper.unref()

  const hasRoom = () => busy.size < concurrency && account.running < account.limit

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
      if (instance.isAlive()) idle.push(instance)
    }
  }

  function warmInstance(): Instance | undefined {
    for (let instance = idle.pop(); instance !== undefined; instance = idle.pop())
      if (instance.isAlive()) return instance
    return undefined
  }

  return {
    hasRoom,
    tryInvoke: (call, cancelled) => (hasRoom() ? invoke(call, cancelled) : null),
    killRequest(requestId) {
      busy.get(requestId)?.kill()
      return busy.has(requestId)
    },
    pids: () => [...idle, ...busy.values()].flatMap(({ pid }) => (pid === undefined ? [] : [pid])),
    async close() {
      clearInterval(reaper)
      for (const instance of busy.values()) instance.kill()
      await Promise.all([...idle, ...busy.values()].map((instance) => instance.stop()))
    },
  }
}
