import { setMaxListeners } from 'node:events'
import { rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { afterAll } from 'vitest'
import { TransferError } from '../../shared/errors/index.ts'
import { accountFor } from '../../shared/local/postgres/account.ts'
import { startPostgres } from '../../shared/local/postgres/server.ts'
import type { PostgresConnection, Secrets, SqlSession } from '../../shared/ports/index.ts'
import { connectSql } from '../../shared/postgres/session.ts'
import { type KeptLog, keptLog } from '../support/log.ts'
import { tempDir } from '../support/temp-dir.ts'

export const password = 'correct-horse-battery'

export interface TestServer {
  readonly connection: PostgresConnection
  readonly log: KeptLog
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
  const dataDir = await tempDir('postgres')
  const port = await freePort()
  const log = keptLog()
  const choice = packageName === undefined ? {} : { packageName }
  const server = await startPostgres({ dataDir, port, password, durable: false, log, ...choice })
  afterAll(async () => {
    await server.close()
    const account = await accountFor(dataDir, process.getuid?.() ?? 1000)
    await rm(account.dataDir, { recursive: true, force: true })
  })
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
