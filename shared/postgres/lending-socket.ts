import { type OnReadOpts, Socket, type SocketConstructorOpts } from 'node:net'

/** Takes what a socket reads, for as long as it wants: a COPY. */
export interface Reader {
  /** Where the next bytes may lie; null: anywhere. */
  room(): Buffer | null
  /** @returns false when the socket is to stop until it is resumed */
  take(piece: Buffer): boolean
}

/** Of all that is not a COPY: answers of a few rows, and the first bytes of a COPY. */
const ownBytes = 16 * 1024

const readers = new WeakMap<Socket, { current: Reader | null }>()

/**
 * A socket that reads into memory which is used again. Node makes an ArrayBuffer of each read, and collecting those of a gigabyte
 * took 6 CPU-seconds. For pg it is like any other: it gets bytes of its own by events.
 */
export function createLendingSocket(): Socket {
  const own = Buffer.allocUnsafeSlow(ownBytes)
  const reader: { current: Reader | null } = { current: null }
  const onread: OnReadOpts = {
    // Asked for again after each read.
    buffer: () => reader.current?.room() ?? own,
    callback(bytes, memory) {
      const piece = Buffer.from(memory.buffer, memory.byteOffset, bytes)
      if (reader.current !== null) return reader.current.take(piece)
      // pg keeps the beginning of a message that has not come whole.
      socket.emit('data', Buffer.from(piece))
      return true
    },
  }
  // The types of Node know it of `connect`, which hands it on to here.
  const socket: Socket = new Socket({ onread } as SocketConstructorOpts)
  readers.set(socket, reader)
  return socket
}

/** From now on what `socket` reads is the reader's, by way of its memory where the socket can. @returns gives the socket back */
export function readFrom(socket: Socket, reader: Reader): () => void {
  const lending = readers.get(socket)
  if (lending === undefined) return readByEvents(socket, reader)
  lending.current = reader
  return () => {
    lending.current = null
  }
}

/** As one that has TLS between. */
function readByEvents(socket: Socket, reader: Reader): () => void {
  const listeners = socket.listeners('data') as ((piece: Buffer) => void)[]
  const onData = (piece: Buffer) => {
    if (!reader.take(piece)) socket.pause()
  }
  for (const listener of listeners) socket.off('data', listener)
  socket.on('data', onData)
  return () => {
    socket.off('data', onData)
    for (const listener of listeners) socket.on('data', listener)
  }
}
