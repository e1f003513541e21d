import type { Connection, ConnectionOptions, FieldPacket, Query } from 'mysql2'
import { type ErrorContext, TransferError } from '../errors/index.ts'
import type { Log, MysqlConnection, MysqlField, MysqlRowSink, MysqlSession, Secrets } from '../ports/index.ts'
import { asMysqlError } from './mysql-errors.ts'

export interface MysqlOptions {
  readonly secrets: Secrets
  readonly signal: AbortSignal
  readonly log: Log
  readonly connectTimeoutMs?: number
}

const keepAliveAfterMs = 30_000
const farewellWithinMs = 2_000

/**
 * What every session sets. The time limits are those of a server that waits for us, or we for it, while a staged chunk is
 * on its way: the default of 60 s would break a stream that back-pressure holds.
 */
const sessionSettings = ({ timeZone }: MysqlConnection) =>
  `set names utf8mb4, time_zone = '${timeZone}', net_write_timeout = 3600, net_read_timeout = 3600, wait_timeout = 28800`

/**
 * Opens a session, in UTF-8 and the time zone of the connection.
 * @throws connect/unreachable, connect/wrong-credentials, connect/permission-denied, connect/refused-by-whitelist,
 *   connect/too-many-connections, platform/deadline when `signal` was aborted
 */
export async function connectMysql(connection: MysqlConnection, options: MysqlOptions): Promise<MysqlSession> {
  const { host, port, database, user } = connection
  const place = { host, port, database, user }
  const config = await configOf(connection, options)
  const client = await openClient(config, options, place)
  const session = sessionOn(client, config, options.signal)
  try {
    await session.run(sessionSettings(connection))
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

function aborted({ reason }: AbortSignal): TransferError {
  if (reason instanceof TransferError) return reason
  return new TransferError('platform/deadline', 'the work was stopped before it was done', {}, { cause: reason })
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

const fieldOf = (field: FieldPacket): MysqlField => ({
  name: field.name,
  type: field.columnType ?? 0,
  characterSet: (field as { characterSet?: number }).characterSet ?? 0,
  flags: typeof field.flags === 'number' ? field.flags : 0,
  length: (field as { columnLength?: number }).columnLength ?? 0,
  decimals: field.decimals ?? 0,
})

/** What a packet of mysql2 is, as far as we look: fields from `offset` to `end` of its buffer. */
interface RowPacket {
  readonly buffer: Buffer
  readonly offset: number
  readonly end: number
  isEOF(): boolean
}

/**
 * The driver calls `row` of a query for every packet after the fields, and takes what it returns for the handler of the
 * next one (mysql2 3.24.6, lib/commands/query.js). Its own makes an object and a value per field; ours hands the bytes on,
 * which is why the version is pinned. The packet is reused: nothing of it is kept.
 */
interface RawQuery {
  row(packet: RowPacket, connection: unknown): unknown
}

async function* streamRows<P>(
  client: Connection,
  sql: string,
  open: (fields: readonly MysqlField[]) => MysqlRowSink<P>,
  signal: AbortSignal,
  end: () => Promise<void>,
): AsyncGenerator<P> {
  if (signal.aborted) throw aborted(signal)
  const query = client.query(sql) as Query & RawQuery
  const state: { sink: MysqlRowSink<P> | null; failure: unknown; isOver: boolean; wake: () => void } = {
    ...{ sink: null, failure: null, isOver: false, wake: () => undefined },
  }
  const stop = (failure: unknown) => {
    state.failure ??= failure
    state.isOver = true
    state.wake()
  }
  const onAbort = () => stop(aborted(signal))
  const last = query.row
  const row = (packet: RowPacket, connection: unknown): unknown => {
    if (packet.isEOF() || state.sink === null) return last.call(query, packet, connection)
    guarded(() => state.sink?.row(packet.buffer, packet.offset, packet.end))
    if (state.sink.isFull() || state.isOver) {
      client.pause()
      state.wake()
    }
    return row
  }
  /** What is thrown here would come out of the socket, where nobody can catch it. */
  const guarded = (work: () => void) => {
    try {
      if (!state.isOver) work()
    } catch (error) {
      stop(error)
    }
  }
  query.row = row
  query.on('fields', (fields: FieldPacket[] | undefined) =>
    guarded(() => {
      if (fields === undefined) return
      if (state.sink !== null) throw new TransferError('source/sql-failed', 'the query gives more than one result')
      state.sink = open(fields.map(fieldOf))
      boundLongRows(client, state.sink.maxRowBytes)
    }),
  )
  query.on('error', stop)
  query.on('end', () => stop(null))
  client.once('error', stop)
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    for (;;) {
      if (state.failure !== null) throw asMysqlError(state.failure)
      if (state.sink?.isFull()) {
        yield state.sink.take()
        client.resume()
      } else if (state.isOver) break
      else await new Promise<void>((resolve) => (state.wake = resolve))
    }
    if (state.sink !== null) yield state.sink.take()
  } finally {
    signal.removeEventListener('abort', onAbort)
    client.removeListener('error', stop)
    if (!state.isOver || state.failure !== null) await end()
  }
}

/** Of a row over 16 MB the driver gathers the packets here until the last one has come. */
interface Inside {
  readonly packetParser: { readonly largePacketParts: Buffer[] }
}

/** What comes of a row beyond the limit is dropped as it comes; its packets still count, or their sequence would be wrong. */
function boundLongRows(client: Connection, maxRowBytes: number): void {
  const parts = (client as unknown as Inside).packetParser.largePacketParts
  let heldBytes = 0
  parts.push = (part: Buffer) => {
    if (parts.length === 0) heldBytes = 0
    const isKept = heldBytes <= maxRowBytes
    if (isKept) heldBytes += part.length
    return Array.prototype.push.call(parts, isKept ? part : Buffer.alloc(0))
  }
}

/**
 * Ends a session in the middle of a statement. A server that computes, or waits for a lock, does not see a closed socket, so
 * another session kills it; where that is not possible, the socket alone must do.
 */
async function hangUp(client: Connection, config: ConnectionOptions): Promise<void> {
  const { threadId } = client
  client.destroy()
  if (threadId === null || threadId === undefined) return
  const { createConnection } = (await import('mysql2')).default
  const killer = createConnection({ ...config, connectTimeout: farewellWithinMs })
  killer.on('error', () => undefined)
  await withinPatience(new Promise<void>((resolve) => killer.query(`kill ${threadId}`, () => resolve())))
  killer.destroy()
}

/** A polite end; a server that does not answer any more is not waited for. */
async function sayGoodbye(client: Connection): Promise<void> {
  await withinPatience(new Promise<void>((resolve) => client.end(() => resolve())))
  client.destroy()
}

async function withinPatience(work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const patience = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, farewellWithinMs)
  })
  await Promise.race([work, patience])
  clearTimeout(timer)
}
