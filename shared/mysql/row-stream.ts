import type { Duplex } from 'node:stream'
import type { Connection, FieldPacket, Query } from 'mysql2'
import { TransferError } from '../errors/index.ts'
import type { MysqlField, MysqlRowSink } from '../ports/index.ts'
import { aborted } from './aborted.ts'
import { asMysqlError } from './mysql-errors.ts'

export const fieldOf = (field: FieldPacket): MysqlField => ({
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

/** Rows on their way from the socket into a sink, and from there to whoever takes them. */
interface Flow<P> {
  sink: MysqlRowSink<P> | null
  failure: unknown
  isOver: boolean
  /** Resolves what `streamRows` waits for. */
  wake: () => void
}

/**
 * Rows as fast as they are taken: a sink that is full pauses the socket. Rows that have come by then still go into the sink
 * (the driver's own `pause` would copy each), none comes while what was taken is being used. Leaving early calls `end`, as
 * a result cannot be left in its middle.
 */
export async function* streamRows<P>(
  client: Connection,
  sql: string,
  open: (fields: readonly MysqlField[]) => MysqlRowSink<P>,
  signal: AbortSignal,
  end: () => Promise<void>,
): AsyncGenerator<P> {
  if (signal.aborted) throw aborted(signal)
  const flow: Flow<P> = { sink: null, failure: null, isOver: false, wake: () => undefined }
  const stop = (failure: unknown) => {
    flow.failure ??= failure
    flow.isOver = true
    flow.wake()
  }
  const onAbort = () => stop(aborted(signal))
  client.once('error', stop)
  signal.addEventListener('abort', onAbort, { once: true })
  listen(client, client.query(sql) as Query & RawQuery, open, flow, stop)
  try {
    for (;;) {
      if (flow.failure !== null) throw asMysqlError(flow.failure)
      if (flow.sink?.isFull()) {
        yield flow.sink.take()
        socketOf(client).resume()
      } else if (flow.isOver) break
      else
        await new Promise<void>((resolve) => {
          flow.wake = resolve
        })
    }
    if (flow.sink !== null) yield flow.sink.take()
  } finally {
    signal.removeEventListener('abort', onAbort)
    client.removeListener('error', stop)
    if (!flow.isOver || flow.failure !== null) await end()
  }
}

/** @throws nothing: what is thrown here would come out of the socket, where nobody can catch it */
function listen<P>(
  client: Connection,
  query: Query & RawQuery,
  open: (fields: readonly MysqlField[]) => MysqlRowSink<P>,
  flow: Flow<P>,
  stop: (failure: unknown) => void,
): void {
  const guarded = (work: () => void) => {
    try {
      if (!flow.isOver) work()
    } catch (error) {
      stop(error)
    }
  }
  const last = query.row
  const row = (packet: RowPacket, connection: unknown): unknown => {
    const { sink } = flow
    if (packet.isEOF() || sink === null) return last.call(query, packet, connection)
    // Not guarded(): a function for each row.
    try {
      if (!flow.isOver) sink.row(packet.buffer, packet.offset, packet.end)
    } catch (error) {
      stop(error)
    }
    if (sink.isFull() || flow.isOver) {
      socketOf(client).pause()
      flow.wake()
    }
    return row
  }
  query.row = row
  query.on('fields', (fields: FieldPacket[] | undefined) =>
    guarded(() => {
      if (fields === undefined) return
      if (flow.sink !== null) throw new TransferError('source/sql-failed', 'the query gives more than one result')
      flow.sink = open(fields.map(fieldOf))
      boundLongRows(client, flow.sink.maxRowBytes)
    }),
  )
  query.on('error', stop)
  query.on('end', () => stop(null))
}

/** Another one after the handshake of TLS. */
const socketOf = (client: Connection) => (client as unknown as { readonly stream: Duplex }).stream

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
