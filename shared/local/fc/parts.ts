import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type AsyncQueue, openAsyncQueue, type Target } from './async-queue.ts'
import { environmentOf } from './environment.ts'
import type { FunctionDefinition } from './functions.ts'
import { type Guardian, openGuardian } from './guardian.ts'
import { type Account, openPool } from './pool.ts'
import { functionNotFound } from './refusal.ts'
import { openRequestLog, type RequestLog } from './request-log.ts'
import type { FcServerOptions } from './server.ts'
import { openTaskStore, type TaskStore } from './task-store.ts'

/** What the server is made of, for those who answer its requests. */
export interface Parts {
  readonly options: FcServerOptions
  readonly definitions: readonly FunctionDefinition[]
  /** @throws FunctionNotFound */
  readonly targetOf: (name: string) => Target
  readonly store: TaskStore
  readonly queue: AsyncQueue
  readonly requestLog: RequestLog
  pids(): number[]
  close(): Promise<void>
}

export async function openParts(options: FcServerOptions, definitions: readonly FunctionDefinition[]): Promise<Parts> {
  const { dataDir, accountId, region, retryBaseMs = 1_000, log } = options
  await mkdir(join(dataDir, 'logs'), { recursive: true })
  const store = await openTaskStore(join(dataDir, 'tasks'))
  const requestLog = openRequestLog(join(dataDir, 'logs'), log)
  const guardian = openGuardian()
  const targets = openTargets(options, definitions, guardian)
  const pools = [...targets.values()].map(({ pool }) => pool)
  const queue = openAsyncQueue({
    store,
    findFunction: (name) => targets.get(name) ?? null,
    arnOf: (name) => `acs:fc:${region}:${accountId}:functions/${name}`,
    retryBaseMs,
    onOutcome: requestLog.keep,
    log,
  })
  return {
    options,
    definitions,
    targetOf: (name) => targets.get(name) ?? notFound(name),
    store,
    queue,
    requestLog,
    pids: () => pools.flatMap((pool) => pool.pids()),
    async close() {
      const queued = queue.close()
      await Promise.all(pools.map((pool) => pool.close()))
      await Promise.all([queued, guardian.close()])
      await requestLog.close()
    },
  }
}

function notFound(name: string): never {
  throw functionNotFound(name)
}

function openTargets(
  options: FcServerOptions,
  definitions: readonly FunctionDefinition[],
  guardian: Guardian,
): Map<string, Target> {
  const account: Account = { running: 0, limit: options.accountConcurrency ?? 100, waiting: new Set() }
  const targets = new Map<string, Target>()
  for (const definition of definitions) {
    // One function gets at most 90 % of the account (fc-oss.md §3.4).
    const concurrency = definition.concurrencyConfig?.reservedConcurrency ?? Math.floor(account.limit * 0.9)
    const instance = { definition, guardian, ...environmentOf(definition, options) }
    targets.set(definition.functionName, { definition, pool: openPool(instance, { concurrency, account }) })
  }
  return targets
}
