import { randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { finished } from 'node:stream/promises'
import type { Log } from '../../ports/index.ts'
import type { Answer } from './answer.ts'
import { type Buckets, openBuckets } from './buckets.ts'
import { notificationOf, type OssNotification } from './notification.ts'
import { openOutbox } from './outbox.ts'
import { OssRefusal } from './refusal.ts'
import { parseRequest } from './request.ts'
import { type Announcer, route } from './routes.ts'
import { type Secret, verify } from './signature.ts'

export interface OssServerOptions {
  readonly dataDir: string
  /** 0 or absent: any free port. Always on 127.0.0.1. */
  readonly port?: number
  /** `cn-hangzhou` */
  readonly region: string
  readonly accountId: string
  readonly findSecret: (accessKeyId: string) => Secret | null
  /** Called at least once for each event, also for those that a killed server had not delivered. */
  readonly deliver: (notification: OssNotification) => Promise<void>
  readonly log: Log
}

export interface OssServer {
  readonly endpoint: string
  createBucket(name: string): Promise<void>
  close(): Promise<void>
}

/** Alibaba Cloud OSS on loopback, for the real SDKs: signatures are verified, events are delivered, refusals are the cloud's. */
export async function startOssServer(options: OssServerOptions): Promise<OssServer> {
  const { dataDir, region, accountId, findSecret, log } = options
  const buckets = await openBuckets(join(dataDir, 'buckets'))
  const happened = (event: OssNotification['events'][number]) => isInEffect(buckets, event)
  const outbox = await openOutbox(join(dataDir, 'outbox'), { deliver: options.deliver, happened, log })
  const verifier = { findSecret, region, now: () => new Date() }
  const underWay = new Set<Promise<void>>()

  async function answer(message: IncomingMessage, requestId: string): Promise<Answer> {
    const request = parseRequest(message)
    verify(request, verifier)
    const announcer: Announcer =
      (name, bucket) =>
      ({ key, etag, size }, oldSize) => {
        const object = { key, etag, size, deltaSize: size - oldSize }
        return outbox.announce(notificationOf({ name, bucket, requestId, object }, { region, accountId }))
      }
    return await route(buckets, request, { region, accountId }, announcer)
  }

  async function handle(message: IncomingMessage, response: ServerResponse): Promise<void> {
    const requestId = randomBytes(12).toString('hex').toUpperCase()
    try {
      const given = await answer(message, requestId).catch((error: unknown) =>
        refusalAnswer(error, requestId, message, log),
      )
      await send(message, response, given, requestId)
    } catch (error) {
      // The client has gone, or the disk failed in the middle of a body: only hanging up tells the client.
      response.destroy()
      if (!isHangUp(error)) log.error('the local OSS server failed while it answered', { reason: String(error) })
    }
  }

  const server = createServer({ highWaterMark: 512 * 1024 }, (message, response) => {
    const work = handle(message, response).finally(() => underWay.delete(work))
    underWay.add(work)
  })
  // Uploads of many gigabytes take longer than the default of five minutes.
  server.requestTimeout = 0
  server.keepAliveTimeout = 65_000
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port ?? 0, '127.0.0.1', resolve)
  })
  const { port } = server.address() as AddressInfo
  return {
    endpoint: `http://127.0.0.1:${port}`,
    createBucket: async (name) => void (await buckets.create(name)),
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      // A change under way must not touch the disk once the next server reads it.
      await Promise.all(underWay)
      await outbox.close()
    },
  }
}

/** For an event of which a killed server had not said whether its change came to be. */
function isInEffect(buckets: Buckets, { eventName, oss }: OssNotification['events'][number]): boolean {
  const object = buckets.find(oss.bucket.name)?.find(oss.object.key) ?? null
  return eventName.startsWith('ObjectRemoved:') ? object === null : object?.etag === oss.object.eTag
}

const hangUps = ['ECONNRESET', 'EPIPE', 'ERR_STREAM_PREMATURE_CLOSE', 'ERR_STREAM_DESTROYED']
const isHangUp = (error: unknown) => error instanceof Error && 'code' in error && hangUps.includes(String(error.code))

function refusalAnswer(error: unknown, requestId: string, message: IncomingMessage, log: Log): Answer {
  const refusal =
    error instanceof OssRefusal
      ? error
      : new OssRefusal(500, 'InternalError', 'Please contact the server administrator.')
  if (refusal !== error && !isHangUp(error)) log.error('the local OSS server failed', { reason: String(error) })
  const body = refusal.toXml(requestId, message.headers.host ?? '')
  // HEAD has no body, and ali-oss reads none from a stream: both find the error in this header (fc-oss.md §7.3).
  const headers = {
    'content-type': 'application/xml',
    'x-oss-err': Buffer.from(body).toString('base64'),
    'x-oss-ec': refusal.ec,
  }
  return { status: refusal.status, headers, body }
}

async function send(
  message: IncomingMessage,
  response: ServerResponse,
  answer: Answer,
  requestId: string,
): Promise<void> {
  const { status, headers = {}, body, release } = answer
  try {
    const text = typeof body === 'string' ? Buffer.from(body) : null
    const length = text === null ? {} : { 'content-length': text.length }
    response.writeHead(status, { server: 'AliyunOSS', 'x-oss-request-id': requestId, ...length, ...headers })
    // A client that is still sending a refused body reads the refusal only if its bytes go on being taken.
    message.resume()
    if (message.method === 'HEAD' || body === undefined || status === 304) return void response.end()
    if (text !== null) return void response.end(text)
    if (typeof body !== 'string') await sendPieces(body, response)
  } finally {
    await release?.()
  }
}

/** Each piece is with the kernel before the next but one is asked for. A client that hangs up ends it. */
async function sendPieces(body: AsyncIterable<Uint8Array>, response: ServerResponse): Promise<void> {
  const over = finished(response)
  // Awaited below, or before it by way of a write that cannot be done.
  over.catch(() => undefined)
  const write = (piece: Uint8Array) =>
    new Promise<void>((resolve, reject) => {
      response.write(piece, (error) => (error ? reject(error) : resolve()))
    })
  let written = Promise.resolve()
  for await (const piece of body) {
    await Promise.race([written, over])
    written = write(piece)
    written.catch(() => undefined)
  }
  await Promise.race([written, over])
  response.end()
  await over
}
