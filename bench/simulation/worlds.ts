import { findWriter } from '../../shared/connectors/find-connector.ts'
import { listPrices } from '../../shared/cost/prices.ts'
import { TransferError } from '../../shared/errors/index.ts'
import type { Invoker, Log } from '../../shared/ports/index.ts'
import type { World } from '../../shared/run/world.ts'
import type { Draw } from './draw.ts'
import { memoryBucket, memoryStore } from './memory-store.ts'
import type { Delivery, Faults } from './platform.ts'
import type { Sessions } from './sessions.ts'
import { simulatedReader } from './source.ts'
import type { VirtualClock } from './virtual-clock.ts'

export const silent: Log = { info: () => undefined, warn: () => undefined, error: () => undefined, child: () => silent }

export interface Worlds {
  /** What one process sees of the world until it dies: from then on nothing that it asks for is done. */
  of(process: Pick<Delivery, 'taskId' | 'copy' | 'attempt'>): World
  crashes(): number
}

/** How long they take, of the virtual clock. */
const databaseMs = 6
const bucketMs = 20
const settings: World['settings'] = {
  chunkBytes: 64 * 1024 * 1024,
  guessFromBytes: 64 * 1024 * 1024,
  stageChunkBytes: 32 * 1024 * 1024,
  leaseMs: 120_000,
  deadlineReserveMs: 20_000,
  scheduleLookbackMs: 600_000,
  datasources: null,
  prices: listPrices,
}

interface Shared {
  readonly clock: VirtualClock
  readonly draw: Draw
  readonly faults: Faults
  readonly sessions: Sessions
  readonly invoker: Pick<Invoker, 'invokeAsync'>
}

export function openWorlds({ clock, draw, faults, sessions, invoker }: Shared): Worlds {
  const bucket = memoryBucket()
  const sleep = (ms: number) => clock.sleep(ms)
  const none = (what: string) => () =>
    Promise.reject(new TransferError('internal/bug', `the simulation has no ${what}`))
  let crashes = 0

  function worldOf({ taskId, copy, attempt }: Pick<Delivery, 'taskId' | 'copy' | 'attempt'>): World {
    let isDead = false
    const beganMs = clock.nowMs()
    const spent = () => ({ milliseconds: clock.nowMs() - beganMs, reads: requests, writes: 0 })
    let [reached, requests] = [0, 0]
    const refuseIfDead = () => {
      if (isDead) throw new Error('the process is dead')
    }
    const store = memoryStore(bucket, clock.now, async (what) => {
      refuseIfDead()
      requests += 1
      const isRefused = draw('503', taskId, copy, attempt, what, requests) < faults.unavailable
      await sleep(bucketMs)
      if (isRefused) throw new TransferError('platform/unavailable', '503 of the simulation')
    })
    return {
      settings,
      invocation: { requestId: `${taskId}-${copy}-${attempt}`, vcpu: '0.25', memoryMb: 256, spent },
      clock,
      log: silent,
      secrets: { resolve: none('secrets') },
      invoker: {
        async invokeAsync(name, event, id) {
          refuseIfDead()
          return await invoker.invokeAsync(name, event, id)
        },
        invokeSync: none('caller that waits'),
      },
      store,
      findReader: async (kind) => simulatedReader(kind === 'simulated', sleep),
      findWriter,
      openStore: async () => store,
      async connectSql() {
        refuseIfDead()
        await sleep(databaseMs)
        return await sessions.open(refuseIfDead)
      },
      connectMysql: none('MySQL'),
      reach(point) {
        reached += 1
        if (draw('crash', taskId, copy, attempt, point, reached) >= faults.crash) return
        isDead = true
        crashes += 1
        throw new Error(`died at ${point}`)
      },
    }
  }

  return { of: worldOf, crashes: () => crashes }
}
