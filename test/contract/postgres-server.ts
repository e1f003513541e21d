import { setMaxListeners } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { TransferError } from '../../shared/errors/index.ts'
import { accountFor } from '../../shared/local/postgres/account.ts'
import { startPostgres } from '../../shared/local/postgres/server.ts'
import type { PostgresConnection, Secrets, SqlSession } from '../../shared/ports/index.ts'
import { connectSql } from '../../shared/postgres/session.ts'
import { type KeptLog, keptLog } from '../support/log.ts'

export const password = 'correct-horse-battery'

export interface TestServer {
  readonly connection: PostgresConnection
  readonly log: KeptLog
  /** Call it from an `afterAll` of the file: vitest does not run one that is registered inside `beforeAll`. */
  close(): Promise<void>
  connect(connection?: PostgresConnection, signal?: AbortSignal): Promise<SqlSession>
}

const secrets: Secrets = {
  async resolve(ref) {
    if (ref === 'env:PASSWORD') return password
    if (ref === 'env:WRONG_PASSWORD') return 'wrong-horse-battery'
    throw new TransferError('job/secret-missing', `no ${ref}`)
  },
}

/** A real PostgreSQL for one test file. `packageName` chooses another version than that of ADBPG 7.0's kernel. */
export async function startTestServer(packageName?: string): Promise<TestServer> {
  const dataDir = await mkdtemp(join(tmpdir(), 'adbpg-sync-postgres-'))
  const port = await freePort()
  const log = keptLog()
  const choice = packageName === undefined ? {} : { packageName }
  const server = await startPostgres({ dataDir, port, password, durable: false, log, ...choice })
  const connection: PostgresConnection = {
    kind: 'postgres',
    host: server.host,
    port,
    database: 'postgres',
    user: server.user,
    password: 'env:PASSWORD',
    ssl: 'disable',
  }
  const never = new AbortController().signal
  setMaxListeners(0, never)
  return {
    connection,
    log,
    async close() {
      await server.close()
      const account = await accountFor(dataDir, process.getuid?.() ?? 1000)
      await rm(account.dataDir, { recursive: true, force: true })
      await rm(dataDir, { recursive: true, force: true })
    },
    connect: (to = connection, signal = never) =>
      connectSql(to, { secrets, applicationName: 'adbpg-sync-test', signal, log }),
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const held = createServer()
    held.once('error', reject)
    held.listen(0, '127.0.0.1', () => {
      const address = held.address()
      held.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })
}
