import { validateHeaderName, validateHeaderValue } from 'node:http'
import * as z from 'zod'
import { issuesText } from '../../errors/index.ts'
import type { Outcome } from './instance.ts'
import type { Reply } from './reply.ts'

const canBeSent = (check: () => void): boolean => {
  try {
    check()
    return true
  } catch {
    return false
  }
}
const HeaderName = z.string().refine((name) => canBeSent(() => validateHeaderName(name)), 'is no name of a header')
const HeaderValue = z
  .union([z.string(), z.number(), z.boolean()])
  .transform(String)
  .refine((value) => canBeSent(() => validateHeaderValue('x', value)), 'is no value of a header')

const ResponseObject = z.object({
  statusCode: z.number().int().min(200).max(599),
  headers: z.record(HeaderName, HeaderValue).default({}),
  isBase64Encoded: z.boolean().default(false),
  body: z.string().default(''),
})

/** How the body travels is said by who sends it, not by the function. */
const ofTheConnection = new Set(['content-length', 'transfer-encoding', 'connection', 'keep-alive'])

/** `{statusCode, headers, body}` becomes the response; anything else its body. */
export function httpResponse(outcome: Outcome): Reply {
  if (outcome.errorType !== null) return badGateway(outcome.errorType, outcome.body)
  const value: unknown = outcome.isJson ? JSON.parse(outcome.body.toString('utf8')) : null
  if (typeof value !== 'object' || value === null || !('statusCode' in value))
    return { status: 200, body: outcome.body }
  const parsed = ResponseObject.safeParse(value)
  if (!parsed.success) {
    const errorMessage = `the response of the function cannot be sent: ${issuesText(parsed.error.issues, value)}`
    return badGateway('InvalidResponse', JSON.stringify({ errorMessage }))
  }
  const { statusCode, headers, isBase64Encoded, body } = parsed.data
  const named = Object.entries(headers).map(([name, text]): [string, string] => [name.toLowerCase(), text])
  return {
    status: statusCode,
    headers: Object.fromEntries(named.filter(([name]) => !ofTheConnection.has(name))),
    body: Buffer.from(body, isBase64Encoded ? 'base64' : 'utf8'),
  }
}

const badGateway = (errorType: string, body: string | Buffer): Reply => ({
  status: 502,
  headers: { 'content-type': 'application/json', 'x-fc-error-type': errorType },
  body,
})
