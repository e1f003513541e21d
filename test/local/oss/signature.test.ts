import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startTestOss, stsKeys, type TestOss } from '../../support/oss.ts'
import { aliOss, refusalOf } from '../../support/oss-client.ts'
import { codeIn, rawCall } from '../../support/oss-raw.ts'
import { tempDir } from '../../support/temp-dir.ts'

const sts = {
  accessKeyId: stsKeys.accessKeyId,
  accessKeySecret: stsKeys.accessKeySecret,
  stsToken: stsKeys.securityToken,
  refreshSTSToken: async () => ({ ...stsKeys, stsToken: stsKeys.securityToken }),
}
const oddKey = "a b+c/é&=%/(x)!*'.csv"
let oss: TestOss

beforeAll(async () => {
  oss = await startTestOss(await tempDir('oss-signature'))
  await oss.server.createBucket('bkt')
})
afterAll(() => oss.server.close())

describe.each([
  ['V4', true],
  ['V1', false],
])('signatures %s', (_name, authorizationV4) => {
  const client = (options: object = {}) => aliOss(oss.server.endpoint, 'bkt', { authorizationV4, ...options })

  it('are accepted for every kind of call', async () => {
    const one = client()
    await one.put(oddKey, Buffer.from('x'), { headers: { 'x-oss-meta-a': 'b' } })
    expect(String((await one.get(oddKey)).content)).toBe('x')
    await one.head(oddKey)
    await one.getObjectMeta(oddKey)
    await one.copy('copied é', oddKey)
    const { nextAppendPosition: position } = await one.append(`appended-${authorizationV4}`, Buffer.from('1'))
    await one.append(`appended-${authorizationV4}`, Buffer.from('2'), { position })
    await one.multipartUpload('parts', Buffer.alloc(250_000), { partSize: 102_400 })
    const { uploadId } = await one.initMultipartUpload('open')
    await one.listUploads({ 'max-uploads': 10 })
    await one.listParts('open', uploadId)
    await one.abortMultipartUpload('open', uploadId)
    expect((await one.listV2({ prefix: 'a', delimiter: '/' }, {})).prefixes).toEqual(['a b+c/'])
    await one.list({ prefix: 'a', 'max-keys': 2 }, {})
    await one.deleteMulti([oddKey, 'copied é'])
    await one.getBucketInfo('bkt')
    expect(await one.listBuckets({})).toMatchObject({ buckets: [{ name: 'bkt' }] })
  })

  it('of temporary keys need their token', async () => {
    const key = `sts-${authorizationV4}`
    expect(await refusalOf(client(sts).put(key, Buffer.from('x')))).toBe('ok')
    const { stsToken: _, refreshSTSToken: __, ...bare } = sts
    expect(await refusalOf(client(bare).put(key, Buffer.from('x')))).toBe('403 InvalidSecurityToken')
    const other = { ...sts, stsToken: 'other', refreshSTSToken: async () => ({ ...sts, stsToken: 'other' }) }
    expect(await refusalOf(client(other).put(key, Buffer.from('x')))).toBe('403 InvalidSecurityToken')
  })

  it('of a wrong secret or an unknown key are refused, for HEAD too', async () => {
    const wrong = client({ accessKeySecret: 'wrong' })
    expect(await refusalOf(wrong.put('x', Buffer.from('x')))).toBe('403 SignatureDoesNotMatch')
    expect(await refusalOf(wrong.head('x'))).toBe('403 SignatureDoesNotMatch')
    expect(await refusalOf(client({ accessKeyId: 'nobody' }).get('x'))).toBe('403 InvalidAccessKeyId')
  })

  it('in a URL open one object for a while', async () => {
    // The SDK signs URLs only for endpoints with a name (fc-oss.md §7.2).
    const named = client({ endpoint: oss.server.endpoint.replace('127.0.0.1', 'localhost'), sldEnable: true })
    const urlOf = (method: 'GET' | 'PUT', key: string, expires = 60) =>
      authorizationV4
        ? named.signatureUrlV4(method, expires, {}, key)
        : Promise.resolve(named.signatureUrl(key, { method, expires }))
    const put = await fetch(await urlOf('PUT', 'by url é.txt'), { method: 'PUT', body: Buffer.from('hello') })
    expect(put.status).toBe(200)
    const url = await urlOf('GET', 'by url é.txt')
    expect(await (await fetch(url)).text()).toBe('hello')
    expect((await fetch(url, { method: 'DELETE' })).status).toBe(403)
    expect((await fetch(url.replace('by%20url', 'by%20urn'))).status).toBe(403)
    const expired = await urlOf('GET', 'by url é.txt', -10)
    expect([400, 403]).toContain((await fetch(expired)).status)
  })
})

it('refuses a request without a signature', async () => {
  const answer = await fetch(`${oss.server.endpoint}/bkt/x`)
  expect([answer.status, /<Code>(\w+)</.exec(await answer.text())?.[1]]).toEqual([403, 'AccessDenied'])
})

it('refuses clocks that differ by more than a quarter of an hour', async () => {
  const at = (minutes: number) =>
    rawCall(oss.server.endpoint, 'bkt', { method: 'GET', path: '/x', date: new Date(Date.now() + minutes * 60_000) })
  for (const minutes of [-16, 16]) expect(codeIn(await at(minutes))).toBe('RequestTimeTooSkewed')
  for (const minutes of [-14, 14]) expect(codeIn(await at(minutes))).toBe('NoSuchKey')
})

it('refuses a header that was changed on its way', async () => {
  const call = { method: 'PUT', path: '/x', headers: { 'x-oss-forbid-overwrite': 'true' }, body: Buffer.from('x') }
  const answer = await rawCall(oss.server.endpoint, 'bkt', call, (headers) => ({
    ...headers,
    'x-oss-forbid-overwrite': 'false',
  }))
  expect(codeIn(answer)).toBe('SignatureDoesNotMatch')
})

it('refuses a V4 URL that is good for more than a week', async () => {
  const named = aliOss(oss.server.endpoint.replace('127.0.0.1', 'localhost'), 'bkt', { sldEnable: true })
  const answer = await fetch(await named.signatureUrlV4('GET', 8 * 24 * 3600, {}, 'x'))
  expect([answer.status, /<Code>(\w+)</.exec(await answer.text())?.[1]]).toEqual([400, 'InvalidArgument'])
})

it('refuses a V4 signature for another region', async () => {
  const elsewhere = aliOss(oss.server.endpoint, 'bkt', { region: 'oss-cn-beijing' })
  expect(await refusalOf(elsewhere.put('x', Buffer.from('x')))).toBe('400 InvalidArgument')
})
