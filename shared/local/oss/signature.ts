import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import { OssRefusal } from './refusal.ts'
import type { OssRequest } from './request.ts'

export interface Secret {
  readonly accessKeySecret: string
  /** Set for temporary keys, which are worth nothing without it. */
  readonly securityToken: string | null
}

export interface Verifier {
  readonly findSecret: (accessKeyId: string) => Secret | null
  readonly region: string
  readonly now: () => Date
}

const maxSkewMs = 15 * 60_000
const maxUrlSeconds = 7 * 24 * 3600

/** Checks whichever of the four forms the request is signed in. @throws the refusals of the cloud, by their codes */
export function verify(request: OssRequest, verifier: Verifier): void {
  const { headers, query } = request
  const authorization = headers.authorization ?? ''
  if (authorization.startsWith('OSS4-HMAC-SHA256 ')) verifyV4(request, verifier, fromHeader(request, authorization))
  else if (authorization.startsWith('OSS ')) verifyV1Header(request, verifier, authorization)
  else if (query.has('x-oss-signature')) verifyV4(request, verifier, fromQuery(request))
  else if (query.has('Signature')) verifyV1Url(request, verifier)
  else
    throw new OssRefusal(
      403,
      'AccessDenied',
      'You have no right to access this object because of bucket acl.',
      '0003-00000001',
    )
}

function secretOf({ headers, query }: OssRequest, verifier: Verifier, accessKeyId: string): string {
  const secret = verifier.findSecret(accessKeyId)
  if (secret === null) {
    throw new OssRefusal(
      403,
      'InvalidAccessKeyId',
      'The OSS Access Key Id you provided does not exist in our records.',
      '0002-00000902',
    )
  }
  const token =
    headers['x-oss-security-token'] ?? query.get('x-oss-security-token') ?? query.get('security-token') ?? null
  if (secret.securityToken !== token) {
    throw new OssRefusal(403, 'InvalidSecurityToken', 'The security token you provided is invalid.', '0002-00000908')
  }
  return secret.accessKeySecret
}

function requireEqual(actual: string, expected: string): void {
  const [a, b] = [Buffer.from(actual), Buffer.from(expected)]
  if (a.length === b.length && timingSafeEqual(a, b)) return
  const message =
    'The request signature we calculated does not match the signature you provided. Check your key and signing method.'
  throw new OssRefusal(403, 'SignatureDoesNotMatch', message, '0002-00000040')
}

function requireRecent(at: number, now: Date): void {
  if (Number.isFinite(at) && Math.abs(now.getTime() - at) <= maxSkewMs) return
  const message = 'The difference between the request time and the current time is too large.'
  throw new OssRefusal(403, 'RequestTimeTooSkewed', message, '0002-00000504')
}

function requireUnexpired(at: number, now: Date): void {
  if (now.getTime() <= at) return
  throw new OssRefusal(403, 'AccessDenied', 'Request has expired.', '0002-00000069')
}

// --- V1: HMAC-SHA1 over verb, MD5, type, date, x-oss headers and resource ---

/** The query parameters that V1 signs (list of the OSS API reference, "Include signatures in the Authorization header"). */
const subResources = new Set(
  `acl append bucketInfo callback cname comp continuation-token cors delete encryption endTime img inventory inventoryId lifecycle
  live location logging objectMeta partNumber policy position qos referer replication replicationLocation replicationProgress
  requestPayment response-cache-control response-content-disposition response-content-encoding response-content-language
  response-content-type response-expires restore security-token sequential startTime stat status style styleName symlink
  tagging transferAcceleration uploadId uploads versionId versioning versions vod website worm wormExtend wormId x-oss-process
  x-oss-ac-forward-allow x-oss-ac-source-ip x-oss-ac-subnet-mask x-oss-ac-vpc-id x-oss-traffic-limit`.split(/\s+/),
)

function verifyV1Header(request: OssRequest, verifier: Verifier, authorization: string): void {
  const [accessKeyId = '', signature = ''] = authorization.slice('OSS '.length).split(':')
  const date = request.headers['x-oss-date'] ?? request.headers.date ?? ''
  const secret = secretOf(request, verifier, accessKeyId)
  requireRecent(Date.parse(date), verifier.now())
  requireEqual(signature, signV1(request, secret, date))
}

function verifyV1Url(request: OssRequest, verifier: Verifier): void {
  const expires = request.query.get('Expires') ?? ''
  const secret = secretOf(request, verifier, request.query.get('OSSAccessKeyId') ?? '')
  requireUnexpired(Number(expires) * 1000, verifier.now())
  requireEqual(request.query.get('Signature') ?? '', signV1(request, secret, expires))
}

function signV1({ method, bucket, key, query, headers }: OssRequest, secret: string, date: string): string {
  const ossHeaders = Object.keys(headers)
    .filter((name) => name.startsWith('x-oss-'))
    .sort()
  const resource = `/${bucket === null ? '' : `${bucket}/${key ?? ''}`}`
  const signed = [...query.keys()].filter((name) => subResources.has(name) || name.startsWith('x-oss-')).sort()
  const subs = signed.map((name) => (query.get(name) === '' ? name : `${name}=${query.get(name)}`)).join('&')
  const text = [
    method,
    headers['content-md5'] ?? '',
    headers['content-type'] ?? '',
    date,
    ...ossHeaders.map((name) => `${name}:${headers[name]}`),
    subs === '' ? resource : `${resource}?${subs}`,
  ].join('\n')
  return createHmac('sha1', secret).update(text).digest('base64')
}

// --- V4: HMAC-SHA256 with a key derived from day and region (fc-oss.md §7.3) ---

interface V4Claims {
  readonly credential: string
  readonly signature: string
  readonly date: string
  readonly additionalHeaders: readonly string[]
  readonly inUrl: boolean
}

function fromHeader({ headers }: OssRequest, authorization: string): V4Claims {
  const claims = new Map(
    authorization
      .slice('OSS4-HMAC-SHA256 '.length)
      .split(',')
      .map((claim) => splitClaim(claim.trim())),
  )
  return {
    credential: claims.get('Credential') ?? '',
    signature: claims.get('Signature') ?? '',
    date: headers['x-oss-date'] ?? '',
    additionalHeaders: listOf(claims.get('AdditionalHeaders')),
    inUrl: false,
  }
}

function fromQuery({ query }: OssRequest): V4Claims {
  return {
    credential: query.get('x-oss-credential') ?? '',
    signature: query.get('x-oss-signature') ?? '',
    date: query.get('x-oss-date') ?? '',
    additionalHeaders: listOf(query.get('x-oss-additional-headers')),
    inUrl: true,
  }
}

const splitClaim = (claim: string): [string, string] => [
  claim.slice(0, claim.indexOf('=')),
  claim.slice(claim.indexOf('=') + 1),
]
const listOf = (text: string | undefined) => (text === undefined || text === '' ? [] : text.split(';'))

function verifyV4(request: OssRequest, verifier: Verifier, claims: V4Claims): void {
  const [accessKeyId = '', day = '', region = '', product = '', end = ''] = claims.credential.split('/')
  const secret = secretOf(request, verifier, accessKeyId)
  if (region !== verifier.region || product !== 'oss' || end !== 'aliyun_v4_request') {
    throw new OssRefusal(
      400,
      'InvalidArgument',
      `Invalid signing region or product in credential; this is ${verifier.region}.`,
      '0002-00000225',
    )
  }
  requireTime(claims, day, request.query.get('x-oss-expires') ?? '', verifier.now())
  const text = [
    'OSS4-HMAC-SHA256',
    claims.date,
    `${day}/${region}/oss/aliyun_v4_request`,
    sha256(canonicalV4(request, claims)),
  ].join('\n')
  requireEqual(claims.signature, hmac(signingKey(secret, day, region), text).toString('hex'))
}

/** A URL is good for a week at most, and not before its own time; a header for the quarter of an hour around now. */
function requireTime({ date, inUrl }: V4Claims, day: string, expires: string, now: Date): void {
  const at = Date.parse(date.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'))
  if (!inUrl || at > now.getTime()) requireRecent(at, now)
  if (!date.startsWith(`${day}T`)) {
    throw new OssRefusal(400, 'InvalidArgument', 'Credential date and x-oss-date are of different days.')
  }
  if (!inUrl) return
  const seconds = Number(expires)
  if (!Number.isInteger(seconds) || seconds < 1 || seconds > maxUrlSeconds) {
    throw new OssRefusal(400, 'InvalidArgument', `x-oss-expires must be 1 to ${maxUrlSeconds}.`)
  }
  requireUnexpired(at + seconds * 1000, now)
}

function canonicalV4({ method, bucket, key, query, headers }: OssRequest, claims: V4Claims): string {
  const resource = bucket === null ? '/' : `/${bucket}/${key ?? ''}`
  const names = Object.keys(headers).filter((name) => isSigned(name, claims.additionalHeaders))
  return [
    method,
    encode(resource).replaceAll('%2F', '/'),
    [...query]
      .filter(([name]) => name !== 'x-oss-signature')
      .map(([name, value]): [string, string] => [encode(name), encode(value)])
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, value]) => (value === '' ? name : `${name}=${value}`))
      .join('&'),
    ...names.sort().map((name) => `${name}:${headers[name]?.trim()}`),
    '',
    [...claims.additionalHeaders].sort().join(';'),
    headers['x-oss-content-sha256'] ?? 'UNSIGNED-PAYLOAD',
  ].join('\n')
}

const isSigned = (name: string, additional: readonly string[]) =>
  name === 'content-type' || name === 'content-md5' || name.startsWith('x-oss-') || additional.includes(name)

const encode = (text: string) =>
  encodeURIComponent(text).replaceAll(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')
const hmac = (key: string | Buffer, text: string) => createHmac('sha256', key).update(text).digest()

function signingKey(secret: string, day: string, region: string): Buffer {
  return hmac(hmac(hmac(hmac(`aliyun_v4${secret}`, day), region), 'oss'), 'aliyun_v4_request')
}
