import type { Connection, ConnectionOptions, FieldPacket } from 'mysql2'
import { type ErrorContext, TransferError } from '../errors/index.ts'
import type { Log, MysqlConnection, MysqlSession, Secrets } from '../ports/index.ts'
import { aborted } from './aborted.ts'
import { takeSlot } from './connection-slots.ts'
import { hangUp, sayGoodbye } from './hang-up.ts'
import { asMysqlError } from './mysql-errors.ts'
import { fieldOf, streamRows } from './row-stream.ts'

export interface MysqlOptions {
  readonly secrets: Secrets
  readonly signal: AbortSignal
  readonly log: Log
  readonly connectTimeoutMs?: number
}

const keepAliveAfterMs = 30_000

/**
 * What every session sets. The time limits are those of a server that waits for us, or we for it, while a staged chunk is
 * on its way: the default of 60 s would break a stream that back-pressure holds.
 */
const sessionSettings = ({ timeZone }: MysqlConnection) =>
  `set names utf8mb4, time_zone = '${timeZone}', net_write_timeout = 3600, net_read_timeout = 3600, wait_timeout = 28800`

/**
 * Opens a session, in UTF-8 and the time zone of the connection.
 * @throws connect/unreachable, connect/wrong-credentials, connect/permission-denied, connect/refused-by-whitelist,
 *   connect/too-many-connections, connect/no-slot when the datasource has a cap, platform/deadline when `signal` was aborted
 */
export async function connectMysql(connection: MysqlConnection, options: MysqlOptions): Promise<MysqlSession> {
  const { host, port, database, user } = connection
  const place = { host, port, database, user }
  const config = await configOf(connection, options)
  const client = await openClient(config, options, place)
  const session = sessionOn(client, config, options.signal)
  try {
    await session.run(sessionSettings(connection))
    await takeSlot(session, connection)
  } catch (error) {
    await session[Symbol.asyncDispose]()
    throw error
  }
  return session
}

async function configOf(connection: MysqlConnection, options: MysqlOptions): Promise<ConnectionOptions> {
  const { host, port, database, user, password, ssl } = connection
  const isVerified = ssl === 'verify-full'
  return {
    ...{ host, port, database, user, connectTimeout: options.connectTimeoutMs ?? 15_000 },
    ...(password === null ? {} : { password: await options.secrets.resolve(password) }),
    ...(ssl === 'disable' ? {} : { ssl: { rejectUnauthorized: isVerified, verifyIdentity: isVerified } }),
    ...{ charset: 'utf8mb4', enableKeepAlive: true, keepAliveInitialDelay: keepAliveAfterMs },
    // Without FOUND_ROWS, `on duplicate key update` counts rows that change nothing as 0. No file of ours is ever sent.
    flags: ['-FOUND_ROWS', '-LOCAL_FILES'],
    multipleStatements: false,
  }
}

/** Loaded when the first session is opened: a function that touches no MySQL does not pay for the driver. */
async function openClient(config: ConnectionOptions, { signal, log }: MysqlOptions, place: ErrorContext) {
  const { createConnection } = (await import('mysql2')).default
  if (signal.aborted) throw aborted(signal)
  const client = createConnection(config)
  // Without a listener an error of the socket would end the process, also one that comes late.
  client.on('error', () => undefined)
  let onAbort = () => {}
  try {
    await new Promise<void>((resolve, reject) => {
      onAbort = () => reject(aborted(signal))
      signal.addEventListener('abort', onAbort, { once: true })
      client.connect((error) => (error === null ? resolve() : reject(error)))
    })
  } catch (error) {
    client.destroy()
    throw signal.aborted ? aborted(signal) : asConnectError(error, place)
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
  client.on('error', (error) => log.warn('a MySQL session broke', { error: asMysqlError(error, place).report() }))
  return client
}

/** While a session is being opened, what is not the server's word is about the way to it. */
function asConnectError(thrown: unknown, place: ErrorContext): TransferError {
  const error = asMysqlError(thrown, place)
  if (error.context.sqlstate !== undefined || error.code === 'connect/unreachable') return error
  return new TransferError('connect/unreachable', error.message, error.context, { cause: thrown })
}

function sessionOn(client: Connection, config: ConnectionOptions, signal: AbortSignal): MysqlSession {
  const onAbort = () => void hangUp(client, config)
  signal.addEventListener('abort', onAbort, { once: true })

  /** The answer of a statement, or its error as one of ours. */
  function ask<T>(send: (done: (error: Error | null, answer: T) => void) => void): Promise<T> {
    if (signal.aborted) throw aborted(signal)
    return new Promise<T>((resolve, reject) => {
      const onStop = () => reject(aborted(signal))
      signal.addEventListener('abort', onStop, { once: true })
      send((error, answer) => {
        signal.removeEventListener('abort', onStop)
        if (error === null || error === undefined) resolve(answer)
        else reject(signal.aborted ? aborted(signal) : asMysqlError(error))
      })
    })
  }

  return {
    query: (statement, values = []) =>
      ask<never>((done) =>
        client.query({ sql: filled(statement, values), typeCast: (field) => field.string('utf8') }, (error, rows) =>
          done(error, rows as never),
        ),
      ),
    async run(sql) {
      const { affectedRows } = await ask<{ affectedRows: number }>((done) =>
        client.query(sql, (error, result) => done(error, result as never)),
      )
      return { affected: affectedRows ?? 0 }
    },
    describe: (sql) =>
      ask((done) =>
        client.prepare(sql, (error, statement) => {
          const columns = error ? [] : (statement as unknown as { columns: FieldPacket[] }).columns.map(fieldOf)
          if (!error) statement.close()
          done(error, columns)
        }),
      ),
    stream: (sql, open, own) =>
      streamRows(client, sql, open, AbortSignal.any([signal, own]), () => hangUp(client, config)),
    async [Symbol.asyncDispose]() {
      signal.removeEventListener('abort', onAbort)
      await sayGoodbye(client)
    },
  }
}

/** As hex, in which nothing has to be escaped, whatever the `sql_mode` of the server is. */
function filled(statement: string, values: readonly string[]): string {
  let index = 0
  return statement.replaceAll('?', () => `_utf8mb4 x'${Buffer.from(values[index++] ?? '').toString('hex')}'`)
}
