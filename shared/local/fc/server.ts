import { mkdir } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { Log } from '../../ports/index.ts'
import { answer } from './answer.ts'
import { openAsyncQueue } from './async-queue.ts'
import { environmentOf } from './environment.ts'
import { type FunctionDefinition, readFunctions } from './functions.ts'
import { type Guardian, openGuardian } from './guardian.ts'
import { hasHttpTrigger } from './http-trigger.ts'
import type { Outcome } from './instance.ts'
import { type ObjectEvent, refuseOverlaps } from './oss-triggers.ts'
import type { Parts } from './parts.ts'
import { openPool, type Pool } from './pool.ts'
import { functionNotFound } from './refusal.ts'
import { keepLog } from './request-log.ts'
import type { FindSecret } from './signature.ts'
import { openTaskStore } from './task-store.ts'
import { type Clock, readTimers, systemClock } from './timers.ts'
import { deliver, fireTimer } from './trigger-deliveries.ts'

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
  /** false: nothing is fired by the clock. */
  readonly timers?: boolean
  /** What timers go by. */
  readonly clock?: Clock
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

/** Function Compute on loopback, for the real SDKs of both generations. */
export async function startFcServer(options: FcServerOptions): Promise<FcServer> {
  const definitions = await readFunctions(options.yamlPath, options.variables)
  refuseOverlaps(definitions)
  const timers = readTimers(definitions, options.clock ?? systemClock)
  await mkdir(join(options.dataDir, 'logs'), { recursive: true })
  const guardian = openGuardian()
  const pools = openPools(options, definitions, guardian)
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
  if (options.timers !== false) timers.start((name, event) => void fireTimer(parts, name, event))
  return {
    endpoint,
    httpTriggerUrl: (name) => (hasHttpTrigger(definitions, name) ? `${endpoint}/http/${name}` : null),
    deliverOssNotification: (notification) => deliver(parts, notification.events),
    pids: () => [...pools.values()].flatMap((pool) => pool.pids()),
    async close() {
      timers.stop()
      // First no new connections, then no old ones: the other way round, one may slip in between.
      const closed = new Promise((resolve) => server.close(resolve))
      server.closeAllConnections()
      await closed
      const queued = queue.close()
      await Promise.all([...pools.values()].map((pool) => pool.close()))
      await Promise.all([queued, guardian.close()])
    },
  }
}

function found<T>(value: T | undefined, name: string): T {
  if (value === undefined) throw functionNotFound(name)
  return value
}

function openPools(
  options: FcServerOptions,
  definitions: readonly FunctionDefinition[],
  guardian: Guardian,
): Map<string, Pool> {
  const account = { running: 0, limit: options.accountConcurrency ?? 100 }
  const pools = new Map<string, Pool>()
  for (const definition of definitions) {
    // One function gets at most 90 % of the account (fc-oss.md §3.4).
    const concurrency = definition.concurrencyConfig?.reservedConcurrency ?? Math.floor(account.limit * 0.9)
    const instance = { definition, guardian, ...environmentOf(definition, options) }
    pools.set(definition.functionName, openPool(instance, { concurrency, account }))
  }
  return pools
}
