import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What goes wrong with one request on its way to the server, or with the answer on its way back. */
export type Fault =
  /** The connection breaks after so many bytes of the answer's body. */
  | { readonly kind: 'cut'; readonly afterBytes: number }
  /** Nothing comes after so many bytes of the answer's body, and the connection stays. */
  | { readonly kind: 'stall'; readonly afterBytes: number }
  /** The server never sees the request. */
  | { readonly kind: 'reset' }
  /** The server does its work, and the client never hears of it. */
  | { readonly kind: 'lose-answer' }
  /** The proxy answers in the server's place. */
  | { readonly kind: 'refuse'; readonly status: number; readonly code: string }
  /** The server is not told of the range, as OSS behaves without `x-oss-range-behavior: standard`. */
  | { readonly kind: 'ignore-range' }

export interface SeenRequest {
  readonly method: string
  readonly url: string
  readonly headers: IncomingMessage['headers']
}

export interface FaultProxy {
  readonly endpoint: string
  readonly seen: SeenRequest[]
  /** Decides about each request; the default lets everything pass. */
  onRequest: (request: SeenRequest) => Fault | null
  close(): Promise<void>
}

/** The faults one after the other, for requests that `matches`; then all is well again. */
export function inOrder(faults: readonly Fault[], matches: (request: SeenRequest) => boolean = () => true) {
  const left = [...faults]
  return (seen: SeenRequest): Fault | null => (matches(seen) ? (left.shift() ?? null) : null)
}

export async function startFaultProxy(target: string): Promise<FaultProxy> {
  const agent = new Agent({ keepAlive: true })
  const seen: SeenRequest[] = []
  const server = createServer((message, response) => {
    const one = { method: message.method ?? '', url: message.url ?? '', headers: message.headers }
    seen.push(one)
    forward(target, agent, message, response, proxy.onRequest(one))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const proxy: FaultProxy = {
    endpoint: `http://127.0.0.1:${port}`,
    seen,
    onRequest: () => null,
    async close() {
      agent.destroy()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return proxy
}

function forward(
  target: string,
  agent: Agent,
  message: IncomingMessage,
  response: ServerResponse,
  fault: Fault | null,
): void {
  if (fault?.kind === 'reset') {
    message.socket.destroy()
    return
  }
  if (fault?.kind === 'refuse') {
    refuse(message, response, fault)
    return
  }
  const headers = { ...message.headers }
  if (fault?.kind === 'ignore-range') delete headers.range
  const { hostname, port } = new URL(target)
  const onward = request({ hostname, port, agent, method: message.method, path: message.url, headers }, (answer) => {
    if (fault?.kind === 'lose-answer') return void answer.resume().on('end', () => message.socket.destroy())
    response.writeHead(answer.statusCode ?? 500, answer.headers)
    if (fault?.kind !== 'cut' && fault?.kind !== 'stall') return void answer.pipe(response)
    passSome(answer, response, fault)
  })
  onward.on('error', () => message.socket.destroy())
  response.on('close', () => response.writableFinished || onward.destroy())
  message.pipe(onward)
}

function refuse(
  message: IncomingMessage,
  response: ServerResponse,
  { status, code }: Fault & { kind: 'refuse' },
): void {
  const body = `<?xml version="1.0"?><Error><Code>${code}</Code><Message>refused by the proxy</Message></Error>`
  const headers = { 'content-type': 'application/xml', 'x-oss-err': Buffer.from(body).toString('base64') }
  message.resume().on('end', () => response.writeHead(status, headers).end(body))
}

function passSome(
  answer: IncomingMessage,
  response: ServerResponse,
  { kind, afterBytes }: Fault & { kind: 'cut' | 'stall' },
): void {
  let left = afterBytes
  response.flushHeaders()
  answer.on('data', (piece: Buffer) => {
    if (left === 0) return
    const part = piece.subarray(0, left)
    left -= part.length
    response.write(part, () => {
      if (left === 0 && kind === 'cut') response.destroy()
    })
  })
  // A body shorter than that comes whole.
  answer.on('end', () => left > 0 && response.end())
  if (afterBytes === 0 && kind === 'cut') setImmediate(() => response.destroy())
}
