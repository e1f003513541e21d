import * as z from 'zod'
import { TransferError } from '../errors/index.ts'
import { retrying } from './retry.ts'

export interface KmsAddress {
  /** `https://kms-vpc.cn-hangzhou.aliyuncs.com`, the address of the region inside of a VPC. */
  readonly endpoint: string
  readonly region: string
  readonly credentials: () => Promise<{ accessKeyId: string; accessKeySecret: string; securityToken?: string }>
}

/** A secret is read before a session is opened, which has 15 s itself. */
const timeoutMs = 5_000

const Answer = z.object({ body: z.object({ SecretData: z.string(), SecretDataType: z.string().default('text') }) })

/**
 * `GetSecretValue` of KMS (API 2016-01-20), called by name through the core of Alibaba's SDKs: the product's own package
 * (`@alicloud/kms20160120` 1.2.0) stands on the runtime before this one, which nothing else here uses.
 * @returns the value as text; undefined when there is no secret of the name
 * @throws connect/secrets-unreachable, connect/secrets-refused, job/secret-missing, platform/throttled, platform/unavailable
 */
export async function readKmsSecret(address: KmsAddress, name: string): Promise<string | undefined> {
  return await retrying(() => askOnce(address, name))
}

async function askOnce(address: KmsAddress, name: string): Promise<string | undefined> {
  const { Client, util, dara } = await load()
  const url = new URL(address.endpoint)
  const config = new util.Config({
    ...(await address.credentials()),
    regionId: address.region,
    endpoint: url.host,
    protocol: url.protocol === 'https:' ? 'HTTPS' : 'HTTP',
  })
  const request = new util.OpenApiRequest({ query: { SecretName: name } })
  const runtime = new dara.RuntimeOptions({ readTimeout: timeoutMs, connectTimeout: timeoutMs })
  const answer: unknown = await new Client(config)
    .callApi(new util.Params(getSecretValue), request, runtime)
    .catch((error: unknown) => {
      if (codeIn(error) === 'Forbidden.ResourceNotFound') return null
      throw asKmsError(error, name, url.host)
    })
  return answer === null ? undefined : secretIn(answer, name)
}

const getSecretValue = {
  action: 'GetSecretValue',
  version: '2016-01-20',
  protocol: 'HTTPS',
  pathname: '/',
  method: 'POST',
  authType: 'AK',
  style: 'RPC',
  reqBodyType: 'formData',
  bodyType: 'json',
}

function secretIn(answer: unknown, name: string): string {
  const parsed = Answer.safeParse(answer)
  if (!parsed.success)
    throw new TransferError('platform/unavailable', `KMS gave no value for the secret ${name}`, { name })
  const { SecretData: data, SecretDataType: type } = parsed.data.body
  return type === 'binary' ? Buffer.from(data, 'base64').toString('utf8') : data
}

/** CommonJS under ESM: the class is the default export of the default export. In a bundle it is the default export. */
async function load() {
  const [core, dara] = await Promise.all([import('@alicloud/openapi-core'), import('@darabonba/typescript')])
  const outer: unknown = core.default
  const inner = typeof outer === 'object' && outer !== null && 'default' in outer ? outer.default : outer
  return { Client: inner as (typeof core.default)['default'], util: core.$OpenApiUtil, dara }
}

const codeIn = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''

const statusIn = (error: unknown): number | null =>
  error instanceof Error && 'statusCode' in error && typeof error.statusCode === 'number' ? error.statusCode : null

/** Messages of KMS name the secret and the action that is not allowed, never a value. */
function asKmsError(cause: unknown, name: string, host: string): TransferError {
  const [code, status] = [codeIn(cause), statusIn(cause)]
  if (status === null)
    return new TransferError(
      'connect/secrets-unreachable',
      `no answer from KMS at ${host} for the secret ${name}`,
      { name, kms: host },
      { cause },
    )
  const message = `KMS answered ${status} ${code} for the secret ${name}`
  return new TransferError(codeOf(status, code), message, { name, status, kmsCode: code }, { cause })
}

function codeOf(status: number, code: string) {
  if (/^(InvalidAccessKeyId|SignatureDoesNotMatch|InvalidSecurityToken|IncompleteSignature)/.test(code))
    return 'connect/secrets-refused'
  if (status === 429 || /^Throttling|QpsLimit/.test(code)) return 'platform/throttled'
  if (status === 403 || /^(Forbidden|NoPermission)/.test(code)) return 'connect/secrets-refused'
  return status >= 500 ? 'platform/unavailable' : 'job/secret-missing'
}
