import { connect as connectTcp, isIP, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { OssClient } from './oss-client.ts'

/** What of urllib's call ali-oss makes, and of its answer ali-oss looks at. */
interface HttpClient {
  request(url: string, parameters: HttpRequest): Promise<HttpAnswer>
}
interface HttpRequest {
  readonly headers: Readonly<Record<string, string | number | undefined>>
  /** Milliseconds until the answer begins. */
  readonly timeout: number
  readonly ctx?: unknown
}
interface HttpAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly res: unknown
}

/** Given to `getStream` as its `ctx`, which ali-oss hands through: the pieces of the body are lent. */
export const lentBody: unique symbol = Symbol('lent')

/**
 * Lets ali-oss, which signs, repeats and tells errors as ever, read bodies that were asked for as lent over a socket of their
 * own into one buffer that is used again. Node's HTTP client makes an ArrayBuffer of each read of 64 kB, and the garbage
 * of 1 GB took 1.3 s of a loader's CPU (docs/decisions.md, 2026-11-30).
 */
export function lendBodies(client: OssClient): void {
  const given = client as unknown as { urllib: HttpClient }
  const { urllib } = given
  given.urllib = {
    async request(url, parameters) {
      if (parameters.ctx !== lentBody) return await urllib.request(url, parameters)
      // Whatever is not the plain answer to a range, ali-oss and its client are asked about: theirs are the errors.
      const answer = await getLent(new URL(url), parameters).catch(() => null)
      return answer ?? (await urllib.request(url, { ...parameters, ctx: undefined }))
    },
  }
}

async function getLent(url: URL, { headers, timeout }: HttpRequest): Promise<HttpAnswer | null> {
  const reader = openReader(url)
  try {
    reader.socket.setTimeout(timeout, () => reader.socket.destroy(new Error('no answer')))
    reader.socket.write(requestOf(url, headers))
    const head = await readHead(reader)
    reader.socket.setTimeout(0)
    const length = Number(head?.headers['content-length'] ?? Number.NaN)
    if (head?.status === 206 && Number.isSafeInteger(length) && head.headers['transfer-encoding'] === undefined)
      return { status: head.status, headers: head.headers, res: bodyOf(reader, head.begun, length) }
  } catch (error) {
    reader.socket.destroy()
    throw error
  }
  reader.socket.destroy()
  return null
}

function requestOf({ pathname, search, host }: URL, headers: HttpRequest['headers']): string {
  const given = Object.entries(headers).filter(
    ([name, value]) => value !== undefined && !/^(host|connection)$/i.test(name),
  )
  const lines = [['Host', headers.host ?? headers.Host ?? host], ['Connection', 'close'], ...given]
  return `GET ${pathname}${search} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`
}

interface Reader {
  readonly socket: Socket
  /** The next bytes, valid until it is called again; null at the end. */
  read(): Promise<Buffer | null>
}

/** What one read takes of what the kernel holds; the server goes on into the kernel's buffer meanwhile. */
const bufferBytes = 512 * 1024

function openReader(url: URL): Reader {
  const buffer = Buffer.allocUnsafeSlow(bufferBytes)
  let arrived: Buffer | null = null
  let ended: { readonly error: Error | null } | null = null
  let wake = () => {}
  // Stops after each read, until the next is asked for.
  const callback = (bytes: number) => {
    arrived = buffer.subarray(0, bytes)
    wake()
    return false
  }
  const socket = connectTo(url, { buffer, callback })
  socket.once('error', (error) => (ended ??= { error }))
  socket.once('close', () => {
    ended ??= { error: null }
    wake()
  })
  const take = () => {
    const piece = arrived
    arrived = null
    return piece
  }
  return {
    socket,
    async read() {
      if (arrived === null && ended === null) {
        const waiting = new Promise<void>((resolve) => (wake = resolve))
        socket.resume()
        await waiting
      }
      const piece = take()
      if (piece === null && ended?.error) throw ended.error
      return piece
    },
  }
}

function connectTo(
  { protocol, hostname, port }: URL,
  onread: { buffer: Buffer; callback(bytes: number): boolean },
): Socket {
  const isTls = protocol === 'https:'
  const host = hostname.replace(/^\[(.*)\]$/, '$1')
  const at = { host, port: Number(port || (isTls ? 443 : 80)), onread }
  if (!isTls) return connectTcp(at)
  return connectTls({ ...at, ...(isIP(host) === 0 ? { servername: host } : {}) })
}

interface Head {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  /** What of the body came with it. */
  readonly begun: Buffer
}

/** As much as Node's HTTP client takes. */
const maxHeadBytes = 16 * 1024

async function readHead(reader: Reader): Promise<Head | null> {
  let held = Buffer.alloc(0)
  for (;;) {
    const piece = await reader.read()
    if (piece === null) return null
    const bytes = held.length === 0 ? piece : Buffer.concat([held, piece])
    const end = bytes.indexOf('\r\n\r\n')
    if (end !== -1) return { ...parseHead(bytes.toString('latin1', 0, end)), begun: bytes.subarray(end + 4) }
    if (bytes.length > maxHeadBytes) return null
    held = Buffer.from(bytes)
  }
}

function parseHead(text: string): Pick<Head, 'status' | 'headers'> {
  const [first = '', ...lines] = text.split('\r\n')
  const headers = lines.map((line): [string, string] => {
    const colon = line.indexOf(':')
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()]
  })
  return { status: Number(/^HTTP\/1\.[01] (\d{3})/.exec(first)?.[1] ?? 0), headers: Object.fromEntries(headers) }
}

/** Ends early when the connection does, as a stream would: who asked for the range knows how long it is. */
function bodyOf({ socket, read }: Reader, begun: Buffer, length: number): AsyncIterable<Buffer> & Destroyable {
  async function* pieces(): AsyncGenerator<Buffer> {
    try {
      let left = length
      for (let piece: Buffer | null = begun; piece !== null; piece = await read()) {
        const taken = piece.subarray(0, left)
        left -= taken.length
        if (taken.length > 0) yield taken
        if (left === 0) return
      }
    } finally {
      socket.destroy()
    }
  }
  const iterated = pieces()
  return { [Symbol.asyncIterator]: () => iterated, destroy: (error) => void socket.destroy(error) }
}

export interface Destroyable {
  destroy(error?: Error): void
}
