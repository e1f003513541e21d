import type { Socket } from 'node:net'
import type { Submittable } from 'pg'
import { createCopyDataReader } from './copy-data.ts'

/** What pg hands to a statement of one's own: its wire, and the listener that parses all else. */
interface Wire {
  readonly stream: Socket
  query(text: string): void
  sendCopyFail(reason: string): void
}

export interface CopyOut extends Submittable, AsyncIterable<Buffer> {}

/** Read ahead of the reader: a function's memory holds many times this, and the server is not kept waiting. */
const aheadBytes = 1024 * 1024

/**
 * A `copy … to stdout` that reads the socket's bytes as they come. pg would make an event of each row, and pg-copy-streams several
 * objects: of a psql that unloads to nowhere they took 2.6 times the CPU (perf.md §6). While the COPY lasts the socket is ours;
 * pg gets it back with the first message that is no part of it.
 * @throws while iterating: the error of the server, or of the connection
 */
export function copyOut(statement: string): CopyOut {
  const take = createCopyDataReader()
  const queue: Buffer[] = []
  let queuedBytes = 0
  let ended: { readonly error: unknown } | null = null
  let wake = () => {}
  let socket: Socket | null = null
  let giveBack = () => {}

  function onData(piece: Buffer): void {
    const { data, rest } = take(piece)
    if (data.length > 0) queue.push(data)
    queuedBytes += data.length
    if (queuedBytes >= aheadBytes) socket?.pause()
    if (rest !== null) {
      giveBack()
      // What pg makes of it may end the statement at once.
      socket?.emit('data', rest)
      socket?.resume()
    }
    wake()
  }

  function end(error: unknown): void {
    giveBack()
    ended ??= { error }
    wake()
  }

  async function* pieces(): AsyncGenerator<Buffer> {
    for (;;) {
      const piece = queue.shift()
      if (piece !== undefined) {
        queuedBytes -= piece.length
        if (queuedBytes < aheadBytes / 2 && ended === null) socket?.resume()
        yield piece
      } else if (ended !== null) {
        if (ended.error !== null) throw ended.error
        return
      } else await new Promise<void>((resolve) => (wake = resolve))
    }
  }

  const handlers = {
    handleError: (error: unknown) => end(error),
    handleReadyForQuery: () => end(null),
    handleCommandComplete: () => undefined,
    // Of a text that holds several statements, as a user's query may; pg calls these without looking whether they are there.
    handleRowDescription: () => undefined,
    handleDataRow: () => undefined,
    handleEmptyQuery: () => undefined,
    handlePortalSuspended: () => undefined,
    handleCopyInResponse: (wire: Wire) => wire.sendCopyFail('nothing to send'),
    handleCopyData: () => undefined,
  }
  return {
    ...handlers,
    submit(connection) {
      const wire = connection as unknown as Wire
      const listeners = wire.stream.listeners('data') as ((piece: Buffer) => void)[]
      socket = wire.stream
      for (const listener of listeners) socket.off('data', listener)
      socket.on('data', onData)
      giveBack = () => {
        wire.stream.off('data', onData)
        for (const listener of listeners) wire.stream.on('data', listener)
        giveBack = () => {}
      }
      wire.query(statement)
    },
    [Symbol.asyncIterator]: pieces,
  }
}
