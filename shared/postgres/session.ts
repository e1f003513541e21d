import type { Client } from 'pg'
import { TransferError } from '../errors/index.ts'
import type { Log, PostgresConnection, QueryResult, Secrets, SqlSession } from '../ports/index.ts'
import { copyFrom, copyTo } from './copy-streams.ts'
import { asSqlError } from './sql-errors.ts'

export interface SqlOptions {
  readonly secrets: Secrets
  readonly applicationName: string
  readonly signal: AbortSignal
  readonly connectTimeoutMs?: number
  readonly log: Log
}

/*
 * What every session sets, all of it known to the 9.4 kernel: bytes and dates in one form whatever the server's defaults
 * are, and no time limit of the server's own (gpbackup sets the same; adbpg-and-peers.md A4).
 */
const sessionSettings = `
  set client_encoding = 'UTF8';
  set datestyle = 'ISO, YMD';
  set intervalstyle = 'postgres';
  set timezone = 'UTC';
  set extra_float_digits = 3;
  set bytea_output = 'hex';
  set statement_timeout = 0`

/**
 * Opens a session. Counts come back as numbers, bigint and numeric as text, so that no digit is lost.
 * @throws connect/unreachable, connect/wrong-credentials, connect/refused-by-whitelist, connect/too-many-connections
 */
export async function connectSql(connection: PostgresConnection, options: SqlOptions): Promise<SqlSession> {
  const { Client } = await loadPg()
  const { host, port, database, user } = connection
  const client = new Client({
    host,
    port,
    database,
    user,
    password: connection.password === null ? undefined : await options.secrets.resolve(connection.password),
    ssl: connection.ssl === 'disable' ? false : { rejectUnauthorized: connection.ssl === 'verify-full' },
    application_name: options.applicationName,
    keepAlive: true,
    connectionTimeoutMillis: options.connectTimeoutMs ?? 15_000,
  })
  const place = { host, port, database, user }
  // Without a listener an error of an idle socket would end the process; the next query reports it.
  client.on('error', (error) =>
    options.log.warn('a database session broke', { error: asSqlError(error, place).report() }),
  )
  try {
    await client.connect()
    await client.query(sessionSettings)
  } catch (error) {
    await client.end().catch(() => undefined)
    throw asSqlError(error, place)
  }
  return sessionOn(client, options.signal)
}

/** Loaded when the first session is opened: a function that touches no database does not pay for the driver. */
async function loadPg() {
  const pg = await import('pg')
  return pg.default
}

function sessionOn(client: Client, signal: AbortSignal): SqlSession {
  // An abort must end a statement that waits for a lock as well: closing the socket does, and the server rolls back.
  const onAbort = () => destroy(client)
  signal.addEventListener('abort', onAbort, { once: true })
  let savepoints = 0
  const run = async (text: string) => {
    await guarded(() => client.query(text))
  }
  const session: SqlSession = {
    async query<R extends Record<string, unknown>>(text: string, values?: readonly unknown[]): Promise<QueryResult<R>> {
      const { rows, rowCount } = await guarded(() =>
        client.query<R>(text, values === undefined ? undefined : [...values]),
      )
      return { rows, rowCount: rowCount ?? 0 }
    },
    async transaction(work) {
      await run('begin')
      return await ended(
        work,
        () => run('commit'),
        () => run('rollback'),
      )
    },
    async savepoint(work) {
      savepoints += 1
      const name = `s${savepoints}`
      await run(`savepoint ${name}`)
      const rollback = async () => {
        await run(`rollback to savepoint ${name}`)
        await run(`release savepoint ${name}`)
      }
      return await ended(work, () => run(`release savepoint ${name}`), rollback)
    },
    copyIn: (statement, body, own) => guarded(() => copyFrom(client, statement, body, own ?? signal)),
    copyOut: (statement, own) => copyTo(client, statement, own ?? signal),
    async [Symbol.asyncDispose]() {
      signal.removeEventListener('abort', onAbort)
      await client.end().catch(() => undefined)
    },
  }
  return session

  async function guarded<T>(work: () => Promise<T>): Promise<T> {
    if (signal.aborted) throw aborted(signal)
    try {
      return await work()
    } catch (error) {
      throw signal.aborted ? aborted(signal) : asSqlError(error)
    }
  }
}

async function ended<T>(work: () => Promise<T>, keep: () => Promise<void>, undo: () => Promise<void>): Promise<T> {
  let value: T
  try {
    value = await work()
  } catch (error) {
    // The first error is the one to tell; if the connection broke, the server has rolled back by itself.
    await undo().catch(() => undefined)
    throw error
  }
  await keep()
  return value
}

const aborted = (signal: AbortSignal) =>
  new TransferError('platform/deadline', 'the work was stopped before it was done', {}, { cause: signal.reason })

/** `client.end()` waits for the statement under way; this does not. */
function destroy(client: Client): void {
  const { connection } = client as Client & { connection?: { stream?: { destroy(): void } } }
  connection?.stream?.destroy()
}
