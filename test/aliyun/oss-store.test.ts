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

it('counts the requests that are paid for, in their two classes', async () => {
  const store = await oss.openStore('test-bucket')
  const costOf = async (work: () => Promise<unknown>) => {
    const before = { ...oss.requests }
    await work()
    return [oss.requests.reads - before.reads, oss.requests.writes - before.writes]
  }
  const body = Buffer.alloc(300 * 1024, 'x')
  expect(await costOf(() => store.put('count/one', body))).toEqual([0, 1])
  expect(await costOf(() => store.head('count/one'))).toEqual([1, 0])
  expect(await costOf(() => store.read('count/one', 1_000_000))).toEqual([1, 0])
  // A list is of the dearer class.
  expect(await costOf(() => drained(store.list('count/')))).toEqual([0, 1])
  // Refused: not paid for. Then a list, to tell a missing key from a missing bucket.
  expect(await costOf(() => store.head('count/none'))).toEqual([0, 1])
  // Begin, three parts, the parts listed, the end.
  const upload = async () => {
    const { uploadId } = await store.prepareUpload('count/parts', once(body), { partBytes: 100 * 1024 })
    await store.completeUpload('count/parts', uploadId)
  }
  const [reads = 0, writes = 0] = await costOf(upload)
  expect(reads + writes).toBe(6)
  expect(writes).toBe(5)
})

async function* once(bytes: Uint8Array) {
  yield bytes
}
async function drained(items: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of items);
}
