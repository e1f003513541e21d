import { join } from 'node:path'
import type { RunId } from '../../shared/job/index.ts'
import { accountFor } from '../../shared/local/postgres/account.ts'
import { readPostmasterFile } from '../../shared/local/postgres/postmaster-file.ts'
import { findProcess } from '../../shared/local/postgres/processes.ts'
import { type PostgresServer, startPostgres } from '../../shared/local/postgres/server.ts'
import type { RunReport } from '../../shared/run/report.ts'
import { datasourceKey } from '../../shared/staging/keys.ts'
import { type FaultProxy, startFaultProxy } from './fault-proxy.ts'
import { eventually } from './fc.ts'
import { keptLog } from './log.ts'
import { startTestStack, type TestStack, type TestStackOptions } from './stack.ts'

/** A stack whose functions reach OSS and Function Compute through proxies that make trouble, and lose their database. */
export interface FaultyStack extends TestStack {
  readonly oss: FaultProxy
  readonly fc: FaultProxy
  /** All is well again. */
  calm(): void
  /** SIGKILL of the postmaster, or the fast shutdown of an administrator; then a start on the same data and port. */
  restartPostgres(how: 'killed' | 'clean'): Promise<void>
  /** Ticks until the run has ended, as the timer would. */
  endedWithTicks(runId: RunId): Promise<RunReport>
}

export async function startFaultyStack(
  environment: Readonly<Record<string, string>> = {},
  options: TestStackOptions = {},
): Promise<FaultyStack> {
  let address = { oss: '', fc: '' }
  const oss = await startFaultProxy(() => address.oss)
  const fc = await startFaultProxy(() => address.fc)
  const between = { ADBPG_SYNC_OSS_ENDPOINT: oss.endpoint, ADBPG_SYNC_FC_ENDPOINT: fc.endpoint }
  const test = await startTestStack({ ...environment, ...between }, options)
  address = { oss: test.stack.file.address.oss.endpoint, fc: test.stack.file.address.fc.endpoint }
  await leadThrough(test, oss.endpoint)
  const servers: PostgresServer[] = []
  return {
    ...test,
    oss,
    fc,
    calm() {
      oss.onRequest = () => null
      fc.onRequest = () => null
    },
    restartPostgres: async (how) => void servers.push(await restartPostgres(test, how)),
    endedWithTicks: (runId) => test.whileTicking(() => reportOnceBack(test, runId)),
    async close() {
      for (const server of servers) await server.close()
      await test.close()
      await Promise.all([oss.close(), fc.close()])
    },
  }
}

/** Jobs name the bucket as `oss_local`, whose address they know on their own. */
async function leadThrough({ world }: TestStack, endpoint: string): Promise<void> {
  const key = datasourceKey('oss_local')
  const found = await world.store.read(key, 64 * 1024)
  const definition = JSON.parse(found?.body.toString('utf8') ?? '{}') as Record<string, unknown>
  await world.store.put(key, Buffer.from(JSON.stringify({ ...definition, endpoint })))
}

/** A look that meets the database while it is away is no answer. */
async function reportOnceBack(test: TestStack, runId: RunId): Promise<RunReport> {
  return await eventually(async () => await test.ended(runId).catch(unlessAway), 90_000)
}

function unlessAway(error: unknown): null {
  if (error instanceof Error && 'code' in error && String(error.code).startsWith('connect/')) return null
  throw error
}

async function restartPostgres({ stateDir, stack }: TestStack, how: 'killed' | 'clean'): Promise<PostgresServer> {
  const asked = join(stateDir, 'postgres')
  const { dataDir } = await accountFor(asked, process.getuid?.() ?? 1000)
  const file = await readPostmasterFile(dataDir)
  if (file === null) throw new Error('no postmaster runs on this data')
  process.kill(file.pid, how === 'killed' ? 'SIGKILL' : 'SIGINT')
  await eventually(async () => (await findProcess(file.pid)) === null, 30_000)
  const { port, password } = new URL(stack.file.address.postgres.url)
  return await startPostgres({
    dataDir: asked,
    port: Number(port),
    password: decodeURIComponent(password),
    durable: false,
    log: keptLog(),
  })
}
