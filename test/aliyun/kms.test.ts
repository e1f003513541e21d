import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { readKmsSecret } from '../../shared/aliyun/kms.ts'
import { openSecrets } from '../../shared/config/index.ts'
import { verifySignature } from '../../shared/local/fc/signature.ts'
import { codeOf } from '../contract/object-store.ts'

/*
 * A stand-in on the wire protocol of KMS: RPC style with ACS3 signatures, checked by the code that checks those of Function
 * Compute. It has never been compared with the real service.
 */
const keys = { accessKeyId: 'id', accessKeySecret: 'secret', securityToken: 'token' }
const secrets = new Map([
  ['plain', { SecretData: 'p w/+=&é', SecretDataType: 'text' }],
  ['bytes', { SecretData: Buffer.from('of bytes').toString('base64'), SecretDataType: 'binary' }],
  ['managed', { SecretData: '{"AccountName":"loader","AccountPassword":"pw","Port":1}', SecretDataType: 'text' }],
])

let server: Server
let asked: string[] = []
/** Answers that come before the true one. */
let before: { status: number; code: string }[] = []

async function bodyOf(message: IncomingMessage): Promise<Buffer> {
  const pieces: Buffer[] = []
  for await (const piece of message) pieces.push(piece)
  return Buffer.concat(pieces)
}

function answerTo(message: IncomingMessage, body: Buffer): { status: number; body: object } {
  verifySignature(message, body, (id) =>
    id === keys.accessKeyId ? { accessKeySecret: keys.accessKeySecret, securityToken: keys.securityToken } : null,
  )
  const name = new URL(message.url ?? '', 'http://kms').searchParams.get('SecretName') ?? ''
  asked.push(name)
  const refusal = before.shift()
  if (refusal !== undefined)
    return { status: refusal.status, body: { Code: refusal.code, Message: 'no', RequestId: 'r' } }
  const secret = secrets.get(name)
  const { 'x-acs-action': action, 'x-acs-version': version } = message.headers
  if (action !== 'GetSecretValue' || version !== '2016-01-20')
    return { status: 404, body: { Code: 'InvalidAction.NotFound' } }
  if (secret === undefined)
    return { status: 404, body: { Code: 'Forbidden.ResourceNotFound', Message: 'Resource not found.', RequestId: 'r' } }
  return { status: 200, body: { SecretName: name, VersionId: 'v1', RequestId: 'r', ...secret } }
}

beforeAll(async () => {
  server = createServer(async (message, response) => {
    const body = await bodyOf(message)
    let answer: { status: number; body: object }
    try {
      answer = answerTo(message, body)
    } catch {
      answer = { status: 403, body: { Code: 'SignatureDoesNotMatch', Message: 'no', RequestId: 'r' } }
    }
    response.writeHead(answer.status, { 'content-type': 'application/json' }).end(JSON.stringify(answer.body))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
})
afterAll(() => new Promise((resolve) => server.close(resolve)))
beforeEach(() => {
  asked = []
  before = []
})

const endpointOf = () => `http://127.0.0.1:${(server.address() as AddressInfo).port}`
const read = (name: string, change: Partial<typeof keys> = {}, endpoint = endpointOf()) =>
  readKmsSecret({ endpoint, region: 'cn-hangzhou', credentials: async () => ({ ...keys, ...change }) }, name)

describe('a secret of KMS', () => {
  it('is read by name, as text or as bytes', async () => {
    expect(await read('plain')).toBe('p w/+=&é')
    expect(await read('bytes')).toBe('of bytes')
    expect(await read('none')).toBeUndefined()
    expect(asked).toEqual(['plain', 'bytes', 'none'])
  })

  it('is asked for again where that may help, and only there', async () => {
    before = [
      { status: 503, code: 'ServiceUnavailableTemporary' },
      { status: 429, code: 'Throttling.User' },
    ]
    expect(await read('plain')).toBe('p w/+=&é')
    expect(asked).toHaveLength(3)
    before = [{ status: 403, code: 'Forbidden.NoPermission' }]
    expect(await codeOf(read('plain'))).toBe('connect/secrets-refused')
    expect(asked).toHaveLength(4)
  })

  it('is refused to wrong keys, and a silent address is told', async () => {
    expect(await codeOf(read('plain', { accessKeySecret: 'wrong' }))).toBe('connect/secrets-refused')
    expect(await codeOf(read('plain', {}, 'http://127.0.0.1:1'))).toBe('connect/secrets-unreachable')
  })
})

describe('a reference to it', () => {
  const open = () => openSecrets({ environment: {}, vault: null, readKms: (name) => read(name) })

  it('may name a member of a JSON object', async () => {
    const all = open()
    expect(await all.resolve('kms:managed#AccountPassword')).toBe('pw')
    expect(await all.resolve('kms:managed#AccountName')).toBe('loader')
    expect(asked, 'once for both').toEqual(['managed'])
    for (const ref of ['kms:managed#Port', 'kms:managed#toString', 'kms:none', 'kms:none#x', 'kms:plain#x'] as const)
      expect(await codeOf(all.resolve(ref)), ref).toBe('job/secret-missing')
  })

  it('tells no value in its errors', async () => {
    const thrown = await open()
      .resolve('kms:plain#x')
      .catch((error: unknown) => error)
    expect(String(thrown)).not.toContain('p w')
  })
})
