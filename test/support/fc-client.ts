import { createHash, createHmac } from 'node:crypto'
import FC2 from '@alicloud/fc2'
import * as sdk from '@alicloud/fc20230330'
import { $OpenApiUtil } from '@alicloud/openapi-core'
import { fcAccount, fcKeys, fcRegion } from './fc.ts'

export interface FcKeys {
  readonly accessKeyId: string
  readonly accessKeySecret: string
  readonly securityToken?: string
}

/** The real SDK of the services API. */
export const fc2 = (endpoint: string, { accessKeyId, accessKeySecret, securityToken }: FcKeys = fcKeys) =>
  new FC2(fcAccount, {
    accessKeyID: accessKeyId,
    accessKeySecret,
    ...(securityToken === undefined ? {} : { securityToken }),
    region: fcRegion,
    endpoint,
    timeout: 30_000,
  })

type Fc3 = InstanceType<typeof sdk.default.default>

/** CommonJS under ESM: depending on who loads it, the class is the default export or the one of the default export. */
function fc3Class(): new (config: unknown) => Fc3 {
  const outer: unknown = sdk.default
  const inner = typeof outer === 'object' && outer !== null && 'default' in outer ? outer.default : outer
  return inner as new (
    config: unknown,
  ) => Fc3
}

/** The real SDK of the current API. */
export const fc3 = (endpoint: string, keys: FcKeys = fcKeys) => {
  const { host } = new URL(endpoint)
  const Client = fc3Class()
  return new Client(new $OpenApiUtil.Config({ ...keys, regionId: fcRegion, endpoint: host, protocol: 'HTTP' }))
}

export interface RawCall {
  readonly method?: string
  readonly path: string
  readonly body?: string | Buffer
  readonly headers?: Readonly<Record<string, string>>
  readonly keys?: FcKeys
  readonly date?: Date
}

const sha256 = (data: string | Buffer) => createHash('sha256').update(data).digest('hex')

/** Headers of a call signed as `@alicloud/fc2` signs it (fc-oss.md §6.1). */
export function signedFc2({ method = 'POST', path, body = '', headers = {}, keys = fcKeys, date }: RawCall) {
  const signed: Record<string, string> = {
    ...headers,
    'content-type': 'application/octet-stream',
    'content-md5': Buffer.from(createHash('md5').update(body).digest('hex')).toString('base64'),
    date: (date ?? new Date()).toUTCString(),
    ...(keys.securityToken === undefined ? {} : { 'x-fc-security-token': keys.securityToken }),
  }
  const names = Object.keys(signed).filter((name) => name.startsWith('x-fc-'))
  const fields = names.sort().map((name) => `${name}:${signed[name]}\n`)
  const top = [method, signed['content-md5'], signed['content-type'], signed.date].join('\n')
  const text = `${top}\n${fields.join('')}${decodeURIComponent(path.split('?')[0] ?? '')}`
  const signature = createHmac('sha256', keys.accessKeySecret).update(text).digest('base64')
  return { ...signed, authorization: `FC ${keys.accessKeyId}:${signature}` }
}

/** Headers of a call signed with ACS3-HMAC-SHA256 (fc-oss.md §6.2). */
export function signedAcs3({ method = 'POST', path, body = '', headers = {}, keys = fcKeys, date }: RawCall) {
  const acs: Record<string, string> = {
    'x-acs-content-sha256': sha256(body),
    'x-acs-date': `${(date ?? new Date()).toISOString().slice(0, 19)}Z`,
    'x-acs-version': '2023-03-30',
    ...(keys.securityToken === undefined ? {} : { 'x-acs-security-token': keys.securityToken }),
  }
  const names = Object.keys(acs).sort()
  const [bare = '', query = ''] = path.split('?')
  const fields = names.map((name) => `${name}:${acs[name]}\n`).join('')
  const canonical = [method, bare, query, fields, names.join(';'), sha256(body)].join('\n')
  const signature = createHmac('sha256', keys.accessKeySecret).update(`ACS3-HMAC-SHA256\n${sha256(canonical)}`)
  const claims = `Credential=${keys.accessKeyId},SignedHeaders=${names.join(';')},Signature=${signature.digest('hex')}`
  return { ...headers, ...acs, authorization: `ACS3-HMAC-SHA256 ${claims}` }
}

export interface RawAnswer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  readonly bytes: Buffer
}

/** One signed call over plain HTTP, for what the SDKs hide: status, every header, the body as it is. */
export async function rawCall(endpoint: string, call: RawCall): Promise<RawAnswer> {
  const sign = call.path.startsWith('/2016-08-15/') ? signedFc2 : signedAcs3
  return await rawRequest(endpoint, call, sign(call))
}

export async function rawRequest(
  endpoint: string,
  { method = 'POST', path, body }: RawCall,
  headers: Record<string, string>,
): Promise<RawAnswer> {
  const response = await fetch(endpoint + path, { method, headers, ...(body === undefined ? {} : { body }) })
  const bytes = Buffer.from(await response.arrayBuffer())
  return { status: response.status, headers: response.headers, bytes, text: bytes.toString('utf8') }
}

const invocations = (name: string) => `/2023-03-30/functions/test-${name}/invocations`

/** A synchronous invocation of a test's function. */
export const invoke = (
  endpoint: string,
  name: string,
  body: string | Buffer = '',
  headers: Readonly<Record<string, string>> = {},
) => rawCall(endpoint, { path: invocations(name), body, headers })

/** An asynchronous one; with an id when the function keeps its tasks. */
export const invokeLater = (endpoint: string, name: string, body: string | Buffer = '', taskId?: string) =>
  rawCall(endpoint, {
    path: invocations(name),
    body,
    headers: { 'x-fc-invocation-type': 'Async', ...(taskId === undefined ? {} : { 'x-fc-async-task-id': taskId }) },
  })
