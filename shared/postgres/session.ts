import type { Client, QueryArrayConfig } from 'pg'
import { type ErrorContext, TransferError } from '../errors/index.ts'
import type { Log, PostgresConnection, QueryResult, Secrets, SqlSession } from '../ports/index.ts'
import { abortOf } from './aborted.ts'
import { takeSlot } from './connection-slots.ts'
import { copyFrom, copyTo } from './copy-streams.ts'
import { dropConnection, hangUp, sayGoodbye } from './hang-up.ts'
import { holdStatements } from './held-statements.ts'
import { createLendingSocket } from './lending-socket.ts'
import { asConnectError, asSqlError } from './sql-errors.ts'
import type { WarmSessions } from './warm-sessions.ts'

export interface SqlOptions {
  readonly secrets: Secrets
  readonly applicationName: string
  readonly signal: AbortSignal
  readonly connectTimeoutMs?: number
  /** Slots of a capped datasource that this session leaves to others (connection-slots.ts). */
  readonly sparedSlots?: number
  readonly log: Log
  /** Of an instance that serves more than one request: what one has left is taken by the next. Absent: each opens its own. */
  readonly warm?: WarmSessions
}

/*
 * What every session sets, all of it known to the 9.4 kernel: bytes and dates in one form whatever the server's defaults
 * are, and no time limit of the server's own (gpbackup sets the same; adbpg-and-peers.md A4). The server ends the session of a
 * function that the platform has frozen or thrown away after a minute and a half, where the default is two hours.
 */
const sessionSettings = `
  set client_encoding = 'UTF8';
  set datestyle = 'ISO, YMD';
  set intervalstyle = 'postgres';
  set timezone = 'UTC';
  set extra_float_digits = 3;
  set bytea_output = 'hex';
  set statement_timeout = 0;
  set tcp_keepalives_idle = 60;
  set tcp_keepalives_interval = 10;
  set tcp_keepalives_count = 3`

/** The default of Linux is two hours; NAT and load balancers forget a silent connection long before. */
const keepAliveAfterMs = 30_000

/** `date` and `timestamp` in pg_type: the driver would make instants of them, in the zone of this process. */
const zoneless: ReadonlySet<number> = new Set([1082, 1114])

/**
 * Opens a session. Counts come back as numbers; bigint and numeric as text, so that no digit is lost; and so do dates and
 * times without a zone.
 * @throws connect/unreachable, connect/wrong-credentials, connect/refused-by-whitelist, connect/too-many-connections,
 *   connect/no-slot when the datasource has a cap, platform/deadline when `signal` was aborted
 */
export async function connectSql(connection: PostgresConnection, options: SqlOptions): Promise<SqlSession> {
  const { host, port, database, user, maxConnections } = connection
  const place = { host, port, database, user }
  // A capped datasource counts the sessions that are open, so none is kept.
  const warm = maxConnections === undefined ? options.warm : undefined
  const kept = options.signal.aborted ? null : ((await warm?.take(connection, sessionSettings)) ?? null)
  const client = kept ?? (await connectClient(connection, options, place))
  const session = sessionOn(client, options.signal, async () => {
    if (warm === undefined || options.signal.aborted) await sayGoodbye(client)
    else await warm.keep(connection, client)
  })
  try {
    await takeSlot(session, connection, options.sparedSlots)
  } catch (error) {
    await session[Symbol.asyncDispose]()
    throw error
  }
  return session
}

async function connectClient(
  connection: PostgresConnection,
  options: SqlOptions,
  place: ErrorContext & {
    readonly host: string
    readonly port: number
    readonly database: string
    readonly user: string
  },
): Promise<Client> {
  const { Client, types } = await loadPg()
  const client = new Client({
    ...place,
    password: await passwordOf(connection, options.secrets),
    ...(connection.ssl === 'disable'
      ? { ssl: false, stream: createLendingSocket }
      : { ssl: { rejectUnauthorized: connection.ssl === 'verify-full' } }),
    application_name: options.applicationName,
    keepAlive: true,
    keepAliveInitialDelayMillis: keepAliveAfterMs,
    types: {
      getTypeParser: (oid, format) => (zoneless.has(oid) ? (text: string) => text : types.getTypeParser(oid, format)),
    },
  })
  // Without a listener an error of an idle socket would end the process; the next query reports it.
  client.on('error', (error) =>
    options.log.warn('a database session broke', { error: asSqlError(error, place).report() }),
  )
  await open(client, options, place)
  return client
}

/** A function, because an absent password would be looked for in the environment and in files of the user. */
async function passwordOf({ password }: PostgresConnection, secrets: Secrets): Promise<string | (() => string)> {
  return password === null ? () => '' : await secrets.resolve(password)
}

/** Bounds the first statement too: a proxy may accept connections for a server that is gone. */
async function open(client: Client, options: SqlOptions, place: ErrorContext): Promise<void> {
  const { signal, connectTimeoutMs = 15_000 } = options
  const onAbort = () => dropConnection(client)
  let isLate = false
  const timer = setTimeout(() => {
    isLate = true
    dropConnection(client)
  }, connectTimeoutMs)
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    if (!signal.aborted) await client.connect()
    if (!signal.aborted) await client.query(sessionSettings)
  } catch (error) {
    dropConnection(client)
    throw abortOf([signal]) ?? (isLate ? noAnswer(place, connectTimeoutMs, error) : asConnectError(error, place))
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', onAbort)
  }
  const abort = abortOf([signal])
  if (abort === null) return
  dropConnection(client)
  throw abort
}

const noAnswer = (place: ErrorContext, withinMs: number, cause: unknown) =>
  new TransferError('connect/unreachable', `no answer from ${place.host}:${place.port} in ${withinMs} ms`, place, {
    cause,
  })

/** Loaded when the first session is opened: a function that touches no database does not pay for the driver. */
async function loadPg() {
  const pg = await import('pg')
  return pg.default
}

function sessionOn(client: Client, signal: AbortSignal, leave: () => Promise<void>): SqlSession {
  // An abort must end a statement that waits for a lock as well; the server rolls back.
  const onAbort = () => void hangUp(client)
  signal.addEventListener('abort', onAbort, { once: true })
  let savepoints = 0
  const held = holdStatements()
  const run = async (text: string) => {
    await guarded(() => client.query(`${held.take()}${text}`))
  }
  /** Before a statement that has to be alone in its message. */
  const sendHeld = async () => {
    const text = held.take()
    if (text !== '') await guarded(() => client.query(text))
  }
  const session: SqlSession = {
    async query<R extends Record<string, unknown>>(text: string, values?: readonly unknown[]): Promise<QueryResult<R>> {
      await sendHeld()
      const { rows, rowCount } = await guarded(() =>
        client.query<R>(text, values === undefined ? undefined : [...values]),
      )
      return { rows, rowCount: rowCount ?? 0 }
    },
    async table(text) {
      await sendHeld()
      // The extended protocol takes one statement, and refuses several before it has done any of them.
      const asked: QueryArrayConfig & { queryMode: 'extended' } = { text, rowMode: 'array', queryMode: 'extended' }
      const { fields, rows, rowCount } = await guarded(() => client.query<unknown[]>(asked))
      return { names: fields.map((field) => field.name), rows, rowCount: rowCount ?? 0 }
    },
    async transaction(work) {
      // Whatever the role's default: who takes the next number after another has to see that one.
      await run('begin isolation level read committed')
      return await ended(
        work,
        () => commit(),
        async () => {
          held.take()
          await run('rollback')
        },
      )
    },
    async savepoint(work) {
      savepoints += 1
      const name = `s${savepoints}`
      const begin = `savepoint ${name}`
      const release = `release savepoint ${name}`
      held.hold(begin)
      return await ended(
        work,
        async () => {
          if (!held.takeBack(begin)) held.hold(release)
        },
        async () => {
          if (held.takeBack(begin)) return
          held.take()
          await run(`rollback to ${begin}; ${release}`)
        },
      )
    },
    copyIn: (statement, body, own) => copyFrom(client, { before: held.take, statement }, body, signalsWith(own)),
    async *copyOut(statement, own, { lent = false } = {}) {
      await sendHeld()
      yield* copyTo(client, statement, signalsWith(own), lent)
    },
    async [Symbol.asyncDispose]() {
      signal.removeEventListener('abort', onAbort)
      await leave()
    },
  }
  return session

  function signalsWith(own: AbortSignal | undefined): AbortSignal[] {
    return own === undefined || own === signal ? [signal] : [signal, own]
  }

  /** A server asked to commit after a failed statement rolls back, and reports no error but in the command tag. */
  async function commit(): Promise<void> {
    // Savepoints that are to be released end with the transaction.
    held.take()
    const { command } = await guarded(() => client.query('commit'))
    if (command === 'COMMIT') return
    const message = 'nothing was committed: a statement of the transaction had failed, and its error was not passed on'
    throw new TransferError('internal/bug', message, { command })
  }

  async function guarded<T>(work: () => Promise<T>): Promise<T> {
    const before = abortOf([signal])
    if (before !== null) throw before
    try {
      return await work()
    } catch (error) {
      throw abortOf([signal]) ?? asSqlError(error)
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
