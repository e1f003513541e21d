import type { IncomingMessage } from 'node:http'
import * as z from 'zod'
import type { FunctionDefinition } from './functions.ts'
import type { Outcome } from './instance.ts'

/** What a handler with an HTTP trigger receives (fc-oss.md §2). */
export function httpEvent(
  message: IncomingMessage,
  body: Buffer,
  place: { path: string; accountId: string; requestId: string },
): Buffer {
  const [rawPath = '/', query = ''] = place.path.split('?')
  const headers = Object.entries(message.headers).map(([name, value]) => [canonical(name), String(value)])
  const isText = /json|text|urlencoded|xml/.test(message.headers['content-type'] ?? 'text')
  const host = message.headers.host ?? ''
  const event = {
    version: 'v1',
    rawPath,
    body: isText ? body.toString('utf8') : body.toString('base64'),
    isBase64Encoded: !isText,
    headers: Object.fromEntries(headers),
    queryParameters: Object.fromEntries(new URLSearchParams(query)),
    requestContext: {
      accountId: place.accountId,
      domainName: host,
      domainPrefix: place.accountId,
      requestId: place.requestId,
      time: new Date().toISOString(),
      timeEpoch: String(Date.now()),
      http: {
        method: message.method ?? 'GET',
        path: decodeURIComponent(rawPath),
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

const Response = z.object({
  statusCode: z.number().int(),
  headers: z.record(z.string(), z.string()).default({}),
  isBase64Encoded: z.boolean().default(false),
  body: z.string().default(''),
})

/** `{statusCode, headers, body}` becomes the response; anything else its body. */
export function httpResponse(outcome: Outcome): { status: number; headers: Record<string, string>; body: Buffer } {
  if (outcome.errorType !== null) {
    return {
      status: 502,
      headers: { 'content-type': 'application/json', 'x-fc-error-type': outcome.errorType },
      body: outcome.body,
    }
  }
  const parsed = outcome.isJson ? Response.safeParse(JSON.parse(outcome.body.toString('utf8'))) : null
  if (parsed?.success !== true) return { status: 200, headers: {}, body: outcome.body }
  const { statusCode, headers, isBase64Encoded, body } = parsed.data
  return { status: statusCode, headers, body: Buffer.from(body, isBase64Encoded ? 'base64' : 'utf8') }
}

export const hasHttpTrigger = (definitions: readonly FunctionDefinition[], name: string) =>
  definitions.some((one) => one.functionName === name && one.triggers.some((trigger) => trigger.triggerType === 'http'))
