import { isUtf8 } from 'node:buffer'
import type { IncomingMessage } from 'node:http'
import type { FunctionDefinition, HttpTrigger } from './functions.ts'
import { decoded } from './routes.ts'

export const httpTriggerOf = (definitions: readonly FunctionDefinition[], name: string): HttpTrigger | null =>
  definitions
    .find(({ functionName }) => functionName === name)
    ?.triggers.find((trigger) => trigger.triggerType === 'http') ?? null

/** What a handler with an HTTP trigger receives (fc-oss.md §2). */
export function httpEvent(
  message: IncomingMessage,
  body: Buffer,
  place: { path: string; accountId: string; requestId: string },
): Buffer {
  const [rawPath = '/'] = place.path.split('?')
  const headers = Object.entries(message.headers).map(([name, value]) => [canonical(name), String(value)])
  const isText = isUtf8(body) && /json|text|urlencoded|xml/.test(message.headers['content-type'] ?? 'text')
  const host = message.headers.host ?? ''
  const event = {
    version: 'v1',
    rawPath,
    body: isText ? body.toString('utf8') : body.toString('base64'),
    isBase64Encoded: !isText,
    headers: Object.fromEntries(headers),
    queryParameters: joined(new URLSearchParams(place.path.slice(rawPath.length))),
    requestContext: {
      accountId: place.accountId,
      domainName: host,
      domainPrefix: place.accountId,
      requestId: place.requestId,
      time: new Date().toISOString(),
      timeEpoch: String(Date.now()),
      http: {
        method: message.method ?? 'GET',
        path: decoded(rawPath),
        protocol: `HTTP/${message.httpVersion}`,
        sourceIp: message.socket.remoteAddress ?? '',
        userAgent: message.headers['user-agent'] ?? '',
      },
    },
  }
  return Buffer.from(JSON.stringify(event))
}

const canonical = (name: string) =>
  name.replaceAll(/(^|-)([a-z])/g, (_, dash, letter) => `${dash}${letter.toUpperCase()}`)

/** A name that comes more than once has its values in one text, as headers have. */
function joined(query: URLSearchParams): Record<string, string> {
  return Object.fromEntries([...new Set(query.keys())].map((name) => [name, query.getAll(name).join(',')]))
}
