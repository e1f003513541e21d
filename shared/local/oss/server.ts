import { randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Log } from '../../ports/index.ts'
import type { Answer } from './answer.ts'
import { openBuckets } from './buckets.ts'
import { notificationOf, type OssNotification } from './notification.ts'
import { openOutbox } from './outbox.ts'
import { OssRefusal } from './refusal.ts'
import { parseRequest } from './request.ts'
import { type Happened, route } from './routes.ts'
import { type Secret, verify } from './signature.ts'

export interface OssServerOptions {
  readonly dataDir: string
  /** 0: any free port. Always on 127.0.0.1. */
  readonly port: number
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
  const outbox = await openOutbox(join(dataDir, 'outbox'), options.deliver, log)
  const verifier = { findSecret, region, now: () => new Date() }

  async function answer(message: IncomingMessage): Promise<Answer> {
    const request = parseRequest(message)
    verify(request, verifier)
    const { answer: given, happened } = await route(buckets, request, accountId)
    if (happened !== null) await outbox.store(notificationOf(named(happened), { region, accountId }))
    return given
  }

  const server = createServer({ highWaterMark: 512 * 1024 }, (message, response) => {
    const requestId = randomBytes(12).toString('hex').toUpperCase()
    answer(message)
      .catch((error: unknown) => refusalAnswer(error, requestId, message, log))
      .then((given) => send(message, response, given, requestId))
      // The client has gone, or the disk failed in the middle of a body: only hanging up tells the client.
      .catch(() => response.destroy())
  })
  // Uploads of many gigabytes take longer than the default of five minutes.
  server.requestTimeout = 0
  server.keepAliveTimeout = 65_000
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port, '127.0.0.1', resolve)
  })
  const { port } = server.address() as AddressInfo
  return {
    endpoint: `http://127.0.0.1:${port}`,
    createBucket: async (name) => void (await buckets.create(name)),
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      await outbox.close()
    },
  }
}

const named = ({ name, bucket, objects }: Happened) => ({ name, bucket, objects })

function refusalAnswer(error: unknown, requestId: string, message: IncomingMessage, log: Log): Answer {
  const refusal =
    error instanceof OssRefusal
      ? error
      : new OssRefusal(500, 'InternalError', 'Please contact the server administrator.')
  if (refusal !== error && !message.destroyed) log.error('the local OSS server failed', { reason: String(error) })
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
  const { status, headers = {}, body } = answer
  const text = typeof body === 'string' ? Buffer.from(body) : null
  const length = text === null ? {} : { 'content-length': text.length }
  // What was not read of a refused upload would be taken for the next request.
  const close = message.complete ? {} : { connection: 'close' }
  response.writeHead(status, { server: 'AliyunOSS', 'x-oss-request-id': requestId, ...length, ...headers, ...close })
  if (message.method === 'HEAD' || body === undefined) return void response.end()
  if (text !== null) return void response.end(text)
  if (typeof body !== 'string')
    await pipeline(Readable.from(body, { objectMode: false, highWaterMark: 1024 * 1024 }), response)
}
