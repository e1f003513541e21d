import * as z from 'zod'
import { createApi } from '../api/app.ts'
import { readConfig, version } from '../config/index.ts'
import { FunctionContext } from './function-context.ts'
import { armDeadline, type Handler, parseEvent } from './handle.ts'
import { jsonLog } from './json-log.ts'
import { answerPing } from './ping.ts'
import { openWorld } from './world.ts'

/** The event of an HTTP trigger (fc-oss.md §2). */
const HttpEvent = z.object({
  rawPath: z.string(),
  body: z.string().default(''),
  isBase64Encoded: z.boolean().default(false),
  headers: z.record(z.string(), z.string()).default({}),
  queryParameters: z.record(z.string(), z.string()).default({}),
  requestContext: z.object({ http: z.object({ method: z.string() }) }),
})

/** Turns the platform's event into a `Request` and the app's `Response` back: the app never sees the platform. */
export const httpHandler: Handler = async (event, rawContext) => {
  const context = FunctionContext.parse(rawContext)
  const log = jsonLog((line) => process.stdout.write(`${line}\n`), { requestId: context.requestId })
  const config = readConfig(process.env)
  const pong = answerPing(event, context, config)
  if (pong !== null) return pong
  const world = await openWorld({ config, environment: process.env, context, log })
  const deadline = armDeadline(context.function.timeout, world.settings.deadlineReserveMs)
  const app = createApi({ world, deadline, token: config.ADBPG_SYNC_API_TOKEN ?? null, version })
  const response = await app.fetch(requestOf(parseEvent(HttpEvent, event)))
  return {
    statusCode: response.status,
    headers: Object.fromEntries(response.headers),
    isBase64Encoded: false,
    body: await response.text(),
  }
}

function requestOf({
  rawPath,
  body,
  isBase64Encoded,
  headers,
  queryParameters,
  requestContext,
}: z.infer<typeof HttpEvent>): Request {
  const { method } = requestContext.http
  const query = new URLSearchParams(queryParameters).toString()
  const bodyBytes = Buffer.from(body, isBase64Encoded ? 'base64' : 'utf8')
  const carriesBody = method !== 'GET' && method !== 'HEAD'
  const kept = Object.entries(headers).filter(
    ([name]) => !/^(content-length|connection|transfer-encoding)$/i.test(name),
  )
  return new Request(`http://api${rawPath}${query === '' ? '' : `?${query}`}`, {
    method,
    headers: kept,
    ...(carriesBody ? { body: bodyBytes } : {}),
  })
}
