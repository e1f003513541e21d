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
  /** The proxy answers in the server's place, as OSS would. */
  | { readonly kind: 'refuse'; readonly status: number; readonly code: string }
  /** The same in the shapes of Function Compute: both generations read their own names of the same two facts. */
  | { readonly kind: 'refuse-fc'; readonly status: number; readonly code: string }
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
  /** Decides about each request, which waits for the answer; the default lets everything pass. */
  onRequest: (request: SeenRequest) => Fault | null | Promise<Fault | null>
  close(): Promise<void>
}

/** The faults one after the other, for requests that `matches`; then all is well again. */
export function inOrder(faults: readonly Fault[], matches: (request: SeenRequest) => boolean = () => true) {
  const left = [...faults]
  return (seen: SeenRequest): Fault | null => (matches(seen) ? (left.shift() ?? null) : null)
}

export interface Hold {
  readonly onRequest: FaultProxy['onRequest']
  /** The request that is held, once it is there. */
  readonly arrived: Promise<SeenRequest>
  letGo(): void
}

/** Holds the first request that `matches` until the test lets go, so that something else happens in the middle of it. */
export function holdFirst(matches: (request: SeenRequest) => boolean): Hold {
  let letGo = () => {}
  const free = new Promise<void>((resolve) => {
    letGo = resolve
  })
  let arrive: ((request: SeenRequest) => void) | null = null
  const arrived = new Promise<SeenRequest>((resolve) => {
    arrive = resolve
  })
  return {
    arrived,
    letGo,
    async onRequest(request) {
      if (arrive === null || !matches(request)) return null
      arrive(request)
      arrive = null
      await free
      return null
    },
  }
}

/** @param target looked up for each request, because the proxy may have to be there before the server */
export async function startFaultProxy(target: string | (() => string)): Promise<FaultProxy> {
  const agent = new Agent({ keepAlive: true })
  const seen: SeenRequest[] = []
  const server = createServer((message, response) => {
    const one = { method: message.method ?? '', url: message.url ?? '', headers: message.headers }
    seen.push(one)
    void answer(typeof target === 'string' ? target : target(), agent, message, response, proxy.onRequest(one))
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

async function answer(
  target: string,
  agent: Agent,
  message: IncomingMessage,
  response: ServerResponse,
  decision: Fault | null | Promise<Fault | null>,
): Promise<void> {
  const fault = await decision
  if (fault?.kind === 'reset') {
    message.socket.destroy()
    return
  }
  if (fault?.kind === 'refuse') {
    refuse(message, response, fault)
    return
  }
  if (fault?.kind === 'refuse-fc') {
    refuseAsFc(message, response, fault)
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

function refuseAsFc(
  message: IncomingMessage,
  response: ServerResponse,
  { status, code }: Fault & { kind: 'refuse-fc' },
): void {
  const told = { ErrorCode: code, ErrorMessage: 'refused by the proxy', Code: code, Message: 'refused by the proxy' }
  const headers = { 'content-type': 'application/json', 'x-fc-request-id': 'refused' }
  message.resume().on('end', () => response.writeHead(status, headers).end(JSON.stringify(told)))
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
