import { mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as z from 'zod'
import { TransferError } from '../errors/index.ts'
import type { Log } from '../ports/index.ts'
import { readOrMakeCredentials, type StackCredentials } from './credentials.ts'
import { type FcServer, startFcServer } from './fc/server.ts'
import { type OssServer, type OssServerOptions, startOssServer } from './oss/server.ts'
import { asPortTaken, readOrChoosePorts, type StackPorts } from './ports.ts'
import { ensureDatabases } from './postgres/databases.ts'
import { type PostgresServer, startPostgres } from './postgres/server.ts'
import { makeRoleKeys } from './role-keys.ts'
import { asUnwritable } from './state-folder.ts'

export const region = 'cn-hangzhou'
export const accountId = '1000000000000001'
export const homeBucket = 'adbpg-sync-local'

/** What `up --json` prints: enough for a stranger's script that knows only the SDKs. */
export const StackAddress = z.object({
  postgres: z.object({ url: z.string() }),
  oss: z.object({
    endpoint: z.string(),
    region: z.string(),
    bucket: z.string(),
    accessKeyId: z.string(),
    accessKeySecret: z.string(),
  }),
  fc: z.object({
    endpoint: z.string(),
    accountId: z.string(),
    region: z.string(),
    accessKeyId: z.string(),
    accessKeySecret: z.string(),
  }),
  api: z.object({ url: z.string(), token: z.string() }),
})
export type StackAddress = z.infer<typeof StackAddress>

/** `stack.json` of a running stack: how other commands of this machine find it, with what the functions are told. */
export const StackFile = z.object({
  pid: z.number().int(),
  address: StackAddress,
  environment: z.record(z.string(), z.string()),
})
export type StackFile = z.infer<typeof StackFile>

export interface StackOptions {
  /** Folder with `s.yaml`; its functions must have been built into `dist/`. */
  readonly projectDir: string
  /** Everything the stack keeps: data, keys, queue, logs. A second start finds it again. */
  readonly stateDir: string
  /** Laid over the environment of every function: settings, crash file, FC API generation. */
  readonly environment?: Readonly<Record<string, string>>
  /** The same, but kept in memory alone: not written to `stack.json`, so that a copy of the folder holds none of them. */
  readonly secrets?: Readonly<Record<string, string>>
  /** false trades safety against power loss for speed: tests only. */
  readonly durable?: boolean
  /** First wait before the async queue repeats a failed task; the cloud's own is not documented. */
  readonly retryBaseMs?: number
  /** Options of Node for the processes of functions, such as `--cpu-prof`. */
  readonly nodeOptions?: readonly string[]
  /** false: nothing is fired by the clock. */
  readonly timers?: boolean
  /** Done before other commands can find the stack. */
  readonly prepare?: (file: StackFile) => Promise<void>
  readonly log: Log
}

export interface Stack extends AsyncDisposable {
  readonly file: StackFile
  readonly fc: FcServer
  /** Other commands find it no longer; those that have are served on. */
  withdraw(): Promise<void>
}

/**
 * PostgreSQL, OSS and Function Compute on loopback, wired as the cloud wires them: objects put into the bucket reach the
 * triggers of `s.yaml`, and functions reach both through their real SDKs.
 */
export async function startStack(options: StackOptions): Promise<Stack> {
  const { stateDir } = options
  const closers: (() => Promise<void>)[] = []
  try {
    const { credentials, ports } = await prepareStateFolder(stateDir)
    return await startServers(options, credentials, ports, closers)
  } catch (error) {
    await closeAll(closers)
    throw asUnwritable(asPortTaken(error, stateDir), stateDir)
  }
}

/** Makes what a stack keeps about itself, or finds it. @throws platform/misconfigured with what to do */
export async function prepareStateFolder(
  stateDir: string,
): Promise<{ readonly credentials: StackCredentials; readonly ports: StackPorts }> {
  try {
    return { credentials: await readOrMakeCredentials(stateDir), ports: await readOrChoosePorts(stateDir) }
  } catch (error) {
    throw asUnwritable(error, stateDir)
  }
}

async function startServers(
  options: StackOptions,
  credentials: StackCredentials,
  ports: StackPorts,
  closers: (() => Promise<void>)[],
): Promise<Stack> {
  const roleKeys = makeRoleKeys()
  const postgres = await startPostgresOf(options, credentials, ports)
  closers.push(() => postgres.close())
  let runtime: FcServer | null = null
  const deliver: OssServerOptions['deliver'] = async (notification) => {
    if (runtime === null)
      throw new TransferError('platform/unavailable', 'functions are not up yet; the event waits in the outbox')
    await runtime.deliverOssNotification(notification)
  }
  const oss = await startOss(options, credentials, roleKeys, ports, deliver)
  closers.push(() => oss.close())
  await oss.createBucket(homeBucket)
  const environment = functionEnvironment(options, credentials, ports)
  const fc = await startFc(options, credentials, roleKeys, ports, { ...environment, ...options.secrets })
  closers.push(() => fc.close())
  runtime = fc
  const file = { pid: process.pid, address: addressOf(credentials, postgres, oss, fc), environment }
  await options.prepare?.(file)
  const withdraw = await announce(options.stateDir, file)
  closers.push(withdraw)
  return { file, fc, withdraw, [Symbol.asyncDispose]: () => closeAll(closers) }
}

/** Last opened, first closed. */
async function closeAll(closers: (() => Promise<void>)[]): Promise<void> {
  for (let close = closers.pop(); close !== undefined; close = closers.pop()) await close()
}

async function announce(stateDir: string, file: StackFile): Promise<() => Promise<void>> {
  const path = stackFilePath(stateDir)
  // Whole or not there: other commands look for it at any time.
  await writeFile(`${path}.new`, JSON.stringify(file), { mode: 0o600 })
  await rename(`${path}.new`, path)
  return () => rm(path, { force: true })
}

export const stackFilePath = (stateDir: string) => join(stateDir, 'stack.json')

async function startOss(
  options: StackOptions,
  credentials: StackCredentials,
  roleKeys: ReturnType<typeof makeRoleKeys>,
  ports: StackPorts,
  deliver: OssServerOptions['deliver'],
): Promise<OssServer> {
  return await startOssServer({
    dataDir: join(options.stateDir, 'oss'),
    port: ports.oss,
    region,
    accountId,
    findSecret: (id) => findSecret(credentials, roleKeys, id),
    deliver,
    log: options.log.child({ server: 'oss' }),
  })
}

async function startPostgresOf(
  options: StackOptions,
  credentials: StackCredentials,
  ports: StackPorts,
): Promise<PostgresServer> {
  const dataDir = join(options.stateDir, 'postgres')
  await mkdir(options.stateDir, { recursive: true })
  const { log, durable = true } = options
  const server = await startPostgres({
    dataDir,
    port: ports.postgres,
    password: credentials.postgresPassword,
    durable,
    log: log.child({ server: 'postgres' }),
  })
  await ensureDatabases(server.url, ['adbpg', 'source'])
  return server
}

function findSecret(credentials: StackCredentials, roleKeys: ReturnType<typeof makeRoleKeys>, accessKeyId: string) {
  if (accessKeyId === credentials.accessKeyId)
    return { accessKeySecret: credentials.accessKeySecret, securityToken: null }
  return roleKeys.find(accessKeyId)
}

/** Locally everything is one machine, so what `s.yaml` leaves to the cloud is said here. */
function functionEnvironment(
  options: StackOptions,
  credentials: StackCredentials,
  ports: StackPorts,
): Readonly<Record<string, string>> {
  return {
    ADBPG_SYNC_BUCKET: homeBucket,
    ADBPG_SYNC_OSS_ENDPOINT: `http://127.0.0.1:${ports.oss}`,
    ADBPG_SYNC_FC_ENDPOINT: `http://127.0.0.1:${ports.fc}`,
    ADBPG_SYNC_REGION: region,
    ADBPG_SYNC_ACCOUNT_ID: accountId,
    ADBPG_SYNC_API_TOKEN: credentials.apiToken,
    ADBPG_SYNC_VAULT_DIR: join(options.stateDir, 'vault'),
    ADBPG_LOCAL_PASSWORD: credentials.postgresPassword,
    OSS_LOCAL_SECRET: credentials.accessKeySecret,
    ...options.environment,
  }
}

async function startFc(
  options: StackOptions,
  credentials: StackCredentials,
  roleKeys: ReturnType<typeof makeRoleKeys>,
  ports: StackPorts,
  environment: Readonly<Record<string, string>>,
): Promise<FcServer> {
  return await startFcServer({
    yamlPath: join(options.projectDir, 's.yaml'),
    variables: { ...environment, ALIYUN_UID: accountId, REGION: region, BUCKET: homeBucket },
    environment,
    dataDir: join(options.stateDir, 'fc'),
    port: ports.fc,
    accountId,
    region,
    findSecret: (id) => findSecret(credentials, roleKeys, id),
    issueRoleCredentials: roleKeys.issue,
    ...(options.retryBaseMs === undefined ? {} : { retryBaseMs: options.retryBaseMs }),
    ...(options.timers === undefined ? {} : { timers: options.timers }),
    ...(options.nodeOptions === undefined ? {} : { nodeOptions: options.nodeOptions }),
    compiledDir: join(options.projectDir, 'dist', '.compiled'),
    log: options.log.child({ server: 'fc' }),
  })
}

function addressOf(
  credentials: StackCredentials,
  postgres: PostgresServer,
  oss: OssServer,
  fc: FcServer,
): StackAddress {
  const { accessKeyId, accessKeySecret, apiToken } = credentials
  return {
    postgres: { url: postgres.url.replace(/\/[^/]*$/, '/adbpg') },
    oss: { endpoint: oss.endpoint, region: `oss-${region}`, bucket: homeBucket, accessKeyId, accessKeySecret },
    fc: { endpoint: fc.endpoint, accountId, region, accessKeyId, accessKeySecret },
    api: { url: fc.httpTriggerUrl('adbpg-sync-api') ?? '', token: apiToken },
  }
}
