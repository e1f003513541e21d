import { afterAll, describe, expect, it } from 'vitest'
import { codeOf, describeObjectStore } from '../contract/object-store.ts'
import { startTestOss, stsKeys, type TestOss } from '../support/oss.ts'
import { tempDir } from '../support/temp-dir.ts'

let oss: TestOss

describeObjectStore('ali-oss on the local OSS server', async () => {
  oss = await startTestOss(await tempDir('oss'))
  await oss.server.createBucket('test-bucket')
  return { store: await oss.openStore('test-bucket'), missingBucket: await oss.openStore('no-such-bucket') }
})

afterAll(() => oss.server.close())

describe('credentials', () => {
  it('names a wrong secret, an unknown key and a server that is not there', async () => {
    const wrong = await oss.openStore('test-bucket', { accessKeyId: 'testkey', accessKeySecret: 'wrong' })
    expect(await codeOf(wrong.put('x', Buffer.from('x')))).toBe('connect/wrong-credentials')
    const unknown = await oss.openStore('test-bucket', { accessKeyId: 'nobody', accessKeySecret: 'x' })
    expect(await codeOf(unknown.head('x'))).toBe('connect/wrong-credentials')
  })

  it('takes temporary keys with their token only', async () => {
    const { accessKeyId, accessKeySecret } = stsKeys
    const withToken = await oss.openStore('test-bucket', stsKeys)
    expect(await codeOf(withToken.put('sts', Buffer.from('x')))).toBe('no error')
    const without = await oss.openStore('test-bucket', { accessKeyId, accessKeySecret })
    expect(await codeOf(without.put('sts', Buffer.from('x')))).toBe('connect/wrong-credentials')
  })
})
