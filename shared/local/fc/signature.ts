import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { FcRefusal } from './refusal.ts'
import { decoded } from './routes.ts'

/** Keys that may call: the stack's own, or the temporary ones of a function's role. */
export type FindSecret = (accessKeyId: string) => { accessKeySecret: string; securityToken: string | null } | null

const maxSkewMs = 15 * 60_000

/** Checks the signature of either family over the headers, and of the newer one over the body too. */
export function verifySignature(message: IncomingMessage, body: Buffer, findSecret: FindSecret): void {
  const authorization = message.headers.authorization ?? ''
  if (authorization.startsWith('FC ')) verifyFc(message, body, authorization, findSecret)
  else if (authorization.startsWith('ACS3-HMAC-SHA256 ')) verifyAcs3(message, body, authorization, findSecret)
  else throw missingHeader('Authorization')
}

const missingHeader = (name: string) =>
  new FcRefusal(400, 'MissingRequiredHeader', `required HTTP header '${name}' was not specified`)

function secretOf(findSecret: FindSecret, accessKeyId: string, token: string | null): string {
  const secret = findSecret(accessKeyId)
  if (secret === null) throw new FcRefusal(403, 'InvalidAccessKeyID', 'the access key does not exist')
  if (secret.securityToken !== token)
    throw new FcRefusal(403, 'InvalidSecurityToken', 'the security token is not valid')
  return secret.accessKeySecret
}

function requireEqual(actual: string, expected: string): void {
  const [a, b] = [Buffer.from(actual), Buffer.from(expected)]
  if (a.length === b.length && timingSafeEqual(a, b)) return
  throw new FcRefusal(
    403,
    'SignatureNotMatch',
    'The request signature we calculated does not match the signature you provided.',
  )
}

function requireRecent(message: IncomingMessage, name: string): void {
  if (message.headers[name.toLowerCase()] === undefined) throw missingHeader(name)
  const at = Date.parse(header(message, name.toLowerCase()))
  if (Number.isFinite(at) && Math.abs(Date.now() - at) <= maxSkewMs) return
  throw new FcRefusal(
    403,
    'RequestTimeTooSkewed',
    'the difference between the request time and the current time is too large',
  )
}

const header = (message: IncomingMessage, name: string): string => {
  const value = message.headers[name]
  return Array.isArray(value) ? value.join(',') : (value ?? '')
}

/** 2016-08-15: HMAC-SHA256 over verb, MD5, type, date, x-fc headers and path (fc-oss.md §6.1). */
function verifyFc(message: IncomingMessage, body: Buffer, authorization: string, findSecret: FindSecret): void {
  const [accessKeyId = '', signature = ''] = authorization.slice('FC '.length).split(':')
  const token = message.headers['x-fc-security-token'] === undefined ? null : header(message, 'x-fc-security-token')
  const secret = secretOf(findSecret, accessKeyId, token)
  requireRecent(message, 'Date')
  requireFcBody(message, body)
  const names = Object.keys(message.headers)
    .filter((name) => name.startsWith('x-fc-'))
    .sort()
  const text =
    [message.method, header(message, 'content-md5'), header(message, 'content-type'), header(message, 'date')].join(
      '\n',
    ) +
    `\n${names.map((name) => `${name}:${header(message, name)}\n`).join('')}` +
    decoded((message.url ?? '').split('?')[0] ?? '')
  requireEqual(signature, createHmac('sha256', secret).update(text).digest('base64'))
}

/** The SDK encodes the hex digest as Base64, not the digest itself. */
function requireFcBody(message: IncomingMessage, body: Buffer): void {
  const claimed = header(message, 'content-md5')
  const actual = Buffer.from(createHash('md5').update(body).digest('hex')).toString('base64')
  if (claimed !== '' && claimed !== actual)
    throw new FcRefusal(400, 'InvalidArgument', 'Content-MD5 does not match the body')
}

/** 2023-03-30: the ACS3 scheme (fc-oss.md §6.2). `x-fc-*` headers are not part of it. */
function verifyAcs3(message: IncomingMessage, body: Buffer, authorization: string, findSecret: FindSecret): void {
  const claims = new Map(authorization.slice('ACS3-HMAC-SHA256 '.length).split(',').map(splitClaim))
  const token = message.headers['x-acs-security-token'] === undefined ? null : header(message, 'x-acs-security-token')
  const secret = secretOf(findSecret, claims.get('Credential') ?? '', token)
  requireRecent(message, 'x-acs-date')
  const bodyDigest = createHash('sha256').update(body).digest('hex')
  if (header(message, 'x-acs-content-sha256') !== bodyDigest) {
    throw new FcRefusal(400, 'InvalidArgument', 'x-acs-content-sha256 does not match the body')
  }
  const signed = (claims.get('SignedHeaders') ?? '').split(';')
  const [path = '/', query = ''] = (message.url ?? '/').split('?')
  const canonical = [
    message.method,
    path,
    canonicalQuery(query),
    signed.map((name) => `${name}:${header(message, name).trim()}\n`).join(''),
    signed.join(';'),
    bodyDigest,
  ].join('\n')
  const text = `ACS3-HMAC-SHA256\n${createHash('sha256').update(canonical).digest('hex')}`
  requireEqual(claims.get('Signature') ?? '', createHmac('sha256', secret).update(text).digest('hex'))
}

const splitClaim = (claim: string): [string, string] => [
  claim.slice(0, claim.indexOf('=')).trim(),
  claim.slice(claim.indexOf('=') + 1),
]

/** Sorted by name; a name without a value keeps its `=`. */
const canonicalQuery = (query: string) =>
  query
    .split('&')
    .filter((part) => part !== '')
    .map((part) => (part.includes('=') ? part : `${part}=`))
    .sort()
    .join('&')
