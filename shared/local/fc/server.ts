import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Log } from '../../ports/index.ts'
import { answer } from './answer.ts'
import { readFunctions } from './functions.ts'
import { httpTriggerOf } from './http-trigger.ts'
import { type ObjectEvent, refuseOverlaps } from './oss-triggers.ts'
import { openParts } from './parts.ts'
import type { FindSecret } from './signature.ts'
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
  /** Of every instance: for profiles of them. */
  readonly nodeOptions?: readonly string[]
  /** Where compiled bundles are kept from one instance to the next, of this user alone; unset: nowhere. */
  readonly compiledDir?: string
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
  const parts = await openParts(options, definitions)
  const server = createServer((message, response) => void answer(parts, message, response))
  server.requestTimeout = 0
  // A client that takes up an idle connection while Node closes it, after 5 s by default, sees a reset.
  server.keepAliveTimeout = 65_000
  const endpoint = await listen(server, options.port).catch(async (error: unknown) => {
    await parts.close()
    throw error
  })
  parts.queue.resume()
  if (options.timers !== false) timers.start((name, event) => void fireTimer(parts, name, event))
  return {
    endpoint,
    httpTriggerUrl: (name) => (httpTriggerOf(definitions, name) === null ? null : `${endpoint}/http/${name}`),
    deliverOssNotification: (notification) => deliver(parts, notification.events),
    pids: parts.pids,
    async close() {
      timers.stop()
      // First no new connections, then no old ones: the other way round, one may slip in between.
      const closed = new Promise((resolve) => server.close(resolve))
      server.closeAllConnections()
      await closed
      await parts.close()
    },
  }
}

async function listen(server: Server, port: number): Promise<string> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', resolve)
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}
