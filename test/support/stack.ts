import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { openWarm, openWorld } from '../../shared/aliyun/world.ts'
import { findConnection, registerLocalDatasources } from '../../shared/cli/local-datasources.ts'
import { readConfig } from '../../shared/config/index.ts'
import type { RunId } from '../../shared/job/index.ts'
import { DirtyRecord } from '../../shared/load/dirty-record.ts'
import { readOrMakeCredentials } from '../../shared/local/credentials.ts'
import { removePostgresData } from '../../shared/local/postgres/account.ts'
import { type Stack, type StackFile, startStack } from '../../shared/local/stack.ts'
import type { Log, PostgresConnection } from '../../shared/ports/index.ts'
import type { CrashPoint } from '../../shared/run/crash-points.ts'
import { type RunReport, reportRun } from '../../shared/run/report.ts'
import type { World } from '../../shared/run/world.ts'
import { jobKey } from '../../shared/staging/keys.ts'
import { eventually } from './fc.ts'
import { type KeptLog, keptLog } from './log.ts'
import { placeData, testPassword } from './postgres.ts'

const projectDir = fileURLToPath(new URL('../..', import.meta.url))

/** What a test does with a stack, wherever that runs. */
export interface StackClient {
  readonly stateDir: string
  readonly world: World
  readonly adbpg: PostgresConnection
  readonly source: PostgresConnection
  sql<R extends Record<string, unknown>>(statement: string, where?: PostgresConnection): Promise<R[]>
  putJob(document: { name: string } & Record<string, unknown>): Promise<void>
  start(event: Record<string, unknown>): Promise<RunId>
  /** Waits until the run has ended. */
  ended(runId: RunId, withinMs?: number): Promise<RunReport>
  /** Waits until the ledger knows the run. */
  waitForRun(runId: RunId): Promise<RunId>
  run(event: Record<string, unknown>): Promise<RunReport>
  tick(): Promise<void>
  /** Does the work while `tick` is called as the timer would, one call after the other. */
  whileTicking<T>(work: () => Promise<T>): Promise<T>
  /** The next function that comes to this point is killed there, once. */
  crashAt(point: CrashPoint): Promise<void>
  crashed(): Promise<boolean>
}

export interface TestStack extends StackClient {
  readonly stack: Stack
  /** Stops everything and starts it again on the same state. */
  restart(): Promise<TestStack>
  close(): Promise<void>
}

export interface TestStackOptions {
  /** First wait of the async queue before it repeats a failed task: longer where something must come back meanwhile. */
  readonly retryBaseMs?: number
}

const settings = {
  ADBPG_SYNC_LEASE_SECONDS: '1',
  ADBPG_SYNC_CHUNK_BYTES: '65536',
  ADBPG_SYNC_STAGE_CHUNK_BYTES: '65536',
}

/** The whole product on loopback, with small chunks and short leases, so that a small file takes every path. */
export async function startTestStack(
  environment: Readonly<Record<string, string>> = {},
  options: TestStackOptions = {},
): Promise<TestStack> {
  return await open(await prepareState(), environment, options)
}

/** A folder with data to start a stack on. */
export async function prepareState(): Promise<string> {
  const stateDir = await mkdtemp(join(tmpdir(), 'adbpg-sync-e2e-'))
  await placeDatabase(stateDir)
  return stateDir
}

/** A copy of the data that all tests begin with takes a tenth of the time of making it. */
async function placeDatabase(stateDir: string): Promise<void> {
  const credentials = await readOrMakeCredentials(stateDir)
  await writeFile(
    join(stateDir, 'credentials.json'),
    JSON.stringify({ ...credentials, postgresPassword: testPassword }),
  )
  await placeData(join(stateDir, 'postgres'))
}

export async function removeState(stateDir: string): Promise<void> {
  await removePostgresData(join(stateDir, 'postgres'))
  await rm(stateDir, { recursive: true, force: true })
  await rm(`${stateDir}.vault-key`, { force: true })
}

export const crashFileOf = (stateDir: string) => join(stateDir, 'crash-at')

/** The servers alone, with what every test stack has. */
export async function startServers(
  stateDir: string,
  environment: Readonly<Record<string, string>>,
  { retryBaseMs = 50 }: TestStackOptions,
  log: Log,
): Promise<Stack> {
  const keys = { ADBPG_SYNC_CRASH_FILE: crashFileOf(stateDir), ADBPG_SYNC_VAULT_KEY_FILE: `${stateDir}.vault-key` }
  const laid = { ...settings, ...keys, ...environment }
  const stack = await startStack({
    projectDir,
    stateDir,
    environment: laid,
    durable: false,
    retryBaseMs,
    timers: false,
    log,
  })
  await registerLocalDatasources(stack.file, log)
  return stack
}

async function open(
  stateDir: string,
  environment: Readonly<Record<string, string>>,
  options: TestStackOptions,
): Promise<TestStack> {
  const log = keptLog()
  const stack = await startServers(stateDir, environment, options, log)
  return {
    ...(await clientOf(stateDir, stack.file, log)),
    stack,
    async restart() {
      await stack[Symbol.asyncDispose]()
      return await open(stateDir, environment, options)
    },
    async close() {
      await stack[Symbol.asyncDispose]()
      await removeState(stateDir)
    },
  }
}

export async function clientOf(stateDir: string, file: StackFile, log: KeptLog): Promise<StackClient> {
  const { region, accountId, accessKeyId, accessKeySecret } = file.address.fc
  // A test must not die at its own crash point, nor meet the faults that lie in the way of the functions.
  const own = {
    ...file.environment,
    ADBPG_SYNC_CRASH_FILE: '',
    ADBPG_SYNC_OSS_ENDPOINT: file.address.oss.endpoint,
    ADBPG_SYNC_FC_ENDPOINT: file.address.fc.endpoint,
  }
  const context = { region, accountId, credentials: { accessKeyId, accessKeySecret } }
  const parts = { config: readConfig(own), environment: own, context, log }
  const world = await openWorld(parts)
  // Opening a session costs both sides more than most questions, and who waits for the end of a run asks twenty times a second.
  const asking = await openWorld({ ...parts, warm: openWarm() })
  const adbpg = await findConnection(world, 'adbpg_local')
  const source = await findConnection(world, 'pg_local')
  const never = new AbortController().signal

  const reportOf = async (runId: RunId) => {
    await using sql = await asking.connectSql(adbpg, never)
    return await reportRun(sql, runId, new Date())
  }
  const client: StackClient = {
    stateDir,
    world,
    adbpg,
    source,
    async sql<R extends Record<string, unknown>>(statement: string, where: PostgresConnection = adbpg) {
      await using sql = await asking.connectSql(where, never)
      return (await sql.query<R>(statement)).rows
    },
    putJob: async (document) =>
      void (await world.store.put(jobKey(document.name), Buffer.from(JSON.stringify(document)))),
    async start(event) {
      const answer = (await world.invoker.invokeSync('start', event, 30_000)) as { runId: RunId }
      return answer.runId
    },
    async ended(runId, withinMs = 60_000) {
      const until = Date.now() + withinMs
      for (;;) {
        const report = await reportOf(runId)
        if (report !== null && ['succeeded', 'failed', 'stopped'].includes(report.state)) return report
        if (Date.now() > until)
          throw new Error(
            `run did not end within ${withinMs} ms: ${JSON.stringify(report)}\n${log.lines.slice(-20).join('\n')}`,
          )
        await sleep(50)
      }
    },
    async waitForRun(runId) {
      return await eventually(async () => ((await reportOf(runId).catch(() => null)) === null ? null : runId))
    },
    run: async (event) => await client.ended(await client.start(event)),
    async tick() {
      const event = { triggerTime: new Date().toISOString(), triggerName: 'every-minute', payload: '' }
      await world.invoker.invokeSync('tick', event, 60_000)
    },
    async whileTicking(work) {
      const over = new AbortController()
      const ticking = tickUntil(over.signal, client)
      try {
        return await work()
      } finally {
        over.abort()
        await ticking
      }
    },
    crashAt: (point) => writeFile(crashFileOf(stateDir), point),
    crashed: async () => !existsSync(crashFileOf(stateDir)),
  }
  return client
}

/** A tick that fails is followed by the next, as the timer does. Of two at once, the second would start cold. */
async function tickUntil(over: AbortSignal, client: StackClient): Promise<void> {
  while (!over.aborted) {
    await client.tick().catch(() => undefined)
    await sleep(300, undefined, { signal: over }).catch(() => undefined)
  }
}

export const unique = (prefix: string) => `${prefix}_${randomBytes(4).toString('hex')}`

/** A DataX job between the local datasources. */
export function dataxJob(
  name: string,
  reader: { name: string; parameter: Record<string, unknown> },
  writer: { name: string; parameter: Record<string, unknown> },
  setting: Record<string, unknown> = { speed: { channel: 2 }, errorLimit: { record: 0 } },
) {
  return { name, script: { job: { content: [{ reader, writer }], setting } } }
}

export const fromOss = (object: string, extra: Record<string, unknown> = {}) => ({
  name: 'ossreader',
  parameter: { datasource: 'oss_local', object, column: ['*'], ...extra },
})
export const intoAdbpg = (table: string, extra: Record<string, unknown> = {}) => ({
  name: 'adbpgwriter',
  parameter: { datasource: 'adbpg_local', table, column: ['*'], ...extra },
})

/** The dirty records of a run, in the order of their places. */
export async function dirtyOf({ world }: TestStack, report: RunReport): Promise<DirtyRecord[]> {
  const records: DirtyRecord[] = []
  for await (const { key } of world.store.list(report.dirtyObject ?? 'nothing')) {
    const found = await world.store.read(key, 16_000_000)
    const lines = (found?.body.toString('utf8') ?? '').trim().split('\n')
    records.push(...lines.map((line) => DirtyRecord.parse(JSON.parse(line))))
  }
  return records.sort((a, b) => a.record - b.record)
}
