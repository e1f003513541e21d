import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { TransferError } from '../../shared/errors/index.ts'
import type { ObjectStore } from '../../shared/ports/index.ts'
import { codeOf, gather } from '../contract/object-store.ts'
import { type Fault, type FaultProxy, inOrder, startFaultProxy } from '../support/fault-proxy.ts'
import { ossKeys, startTestOss, type TestOss } from '../support/oss.ts'
import { tempDir } from '../support/temp-dir.ts'

let oss: TestOss
let proxy: FaultProxy
let store: ObjectStore
const body = Buffer.from(Uint8Array.from({ length: 3_000_000 }, (_, index) => (index * 31) % 251))
let etag: string

beforeAll(async () => {
  oss = await startTestOss(await tempDir('oss-faults'))
  proxy = await startFaultProxy(oss.server.endpoint)
  await oss.server.createBucket('bkt')
  store = await oss.openStore('bkt', ossKeys, proxy.endpoint, 300)
  ;({ etag } = await store.put('body', body))
})
beforeEach(() => {
  proxy.onRequest = () => null
  proxy.seen.length = 0
})
afterAll(async () => {
  await proxy.close()
  await oss.server.close()
})

const slow: Fault = { kind: 'refuse', status: 503, code: 'SlowDown' }
describe.each([false, true])('a range, lent: %s', (lent) => {
  const range = (start: number, end: number) => store.readRange('body', { start, end, etag, lent })

  it('goes on from the last byte when the connection breaks, and gives each byte once', async () => {
    const cuts = [1, 70_000, 500_000].map((afterBytes): Fault => ({ kind: 'cut', afterBytes }))
    proxy.onRequest = inOrder([...cuts, { kind: 'reset' }, slow])
    expect((await gather(range(1000, 2_900_000))).equals(body.subarray(1000, 2_900_000))).toBe(true)
    const asked = proxy.seen.map(({ headers }) => headers.range)
    expect(asked[0]).toBe('bytes=1000-2899999')
    expect(new Set(proxy.seen.map(({ headers }) => headers['if-match']))).toEqual(new Set([`"${etag}"`]))
    expect(new Set(proxy.seen.map(({ headers }) => headers['x-oss-range-behavior']))).toEqual(new Set(['standard']))
  })

  it('that breaks again and again is given up with connect/lost', async () => {
    proxy.onRequest = () => ({ kind: 'cut', afterBytes: 10 })
    expect(await codeOf(gather(range(0, 2_000_000)))).toBe('connect/lost')
    expect(proxy.seen.length).toBeLessThan(10)
  })

  it('that breaks often, but gets on, is read to its end', async () => {
    const many = await store.put('long', Buffer.alloc(20_000_000, 7))
    proxy.onRequest = () => ({ kind: 'cut', afterBytes: 1_500_000 })
    const read = await gather(store.readRange('long', { start: 0, end: 20_000_000, etag: many.etag, lent }))
    expect(read.equals(Buffer.alloc(20_000_000, 7))).toBe(true)
  })

  it('that stands still is asked for again', async () => {
    proxy.onRequest = inOrder([{ kind: 'stall', afterBytes: 100_000 }])
    expect((await gather(range(0, 1_100_000))).equals(body.subarray(0, 1_100_000))).toBe(true)
    expect(proxy.seen).toHaveLength(2)
  })

  it('waits for a consumer that is slower than the silence it would take of the server', async () => {
    const pieces: Uint8Array[] = []
    for await (const piece of range(0, 1_100_000)) {
      if (pieces.length === 0) await new Promise((resolve) => setTimeout(resolve, 500))
      pieces.push(Buffer.from(piece))
    }
    expect(Buffer.concat(pieces).equals(body.subarray(0, 1_100_000))).toBe(true)
    expect(proxy.seen).toHaveLength(1)
  })

  it('that is answered by the whole object is never taken for the range', async () => {
    proxy.onRequest = () => ({ kind: 'ignore-range' })
    expect(await codeOf(gather(range(10, 1_100_000)))).toBe('platform/unavailable')
  })

  it('stops at once when it is told to, also while nothing comes', async () => {
    proxy.onRequest = () => ({ kind: 'stall', afterBytes: 50_000 })
    const patient = await oss.openStore('bkt', ossKeys, proxy.endpoint)
    const stop = new AbortController()
    const read = codeOf(
      gather(patient.readRange('body', { start: 0, end: 1_100_000, etag, lent, signal: stop.signal })),
    )
    setTimeout(() => stop.abort(), 100)
    expect(await read).toBe('platform/deadline')
  })

  it('of an object replaced between two connections is refused, not mixed', async () => {
    const first = await store.put('replaced', Buffer.alloc(1_100_000, 1))
    proxy.onRequest = inOrder([{ kind: 'cut', afterBytes: 200_000 }], ({ method }) => method === 'GET')
    const reading = store.readRange('replaced', { start: 0, end: 1_100_000, etag: first.etag, lent })
    const pieces: Uint8Array[] = []
    const read = async () => {
      for await (const piece of reading) {
        if (pieces.length === 0) await store.put('replaced', Buffer.alloc(1_100_000, 2))
        pieces.push(Buffer.from(piece))
      }
    }
    expect(await codeOf(read())).toBe('source/object-changed')
    expect(Buffer.concat(pieces).every((byte) => byte === 1)).toBe(true)
  })
})

describe('a call', () => {
  it.each<[string, Fault]>([
    ['503 SlowDown', slow],
    ['500 InternalError', { kind: 'refuse', status: 500, code: 'InternalError' }],
    ['a broken connection', { kind: 'reset' }],
    ['a lost answer', { kind: 'lose-answer' }],
  ])('is repeated after %s', async (_name, fault) => {
    const once = () => {
      proxy.onRequest = inOrder([fault])
    }
    once()
    await store.put('repeated', Buffer.from('x'))
    once()
    expect((await store.head('repeated'))?.size).toBe(1)
    once()
    expect(String((await store.read('repeated', 10))?.body)).toBe('x')
    once()
    for await (const { key } of store.list('repeated')) expect(key).toBe('repeated')
    once()
    await store.remove(['repeated'])
    expect(await store.head('repeated')).toBeNull()
  })

  it('is repeated a few times only', async () => {
    proxy.onRequest = () => slow
    expect(await codeOf(store.put('x', Buffer.from('x')))).toBe('platform/throttled')
    expect(proxy.seen).toHaveLength(5)
  })

  it('that is wrong is not repeated, and says what was wrong', async () => {
    proxy.onRequest = () => ({ kind: 'refuse', status: 403, code: 'AccessDenied' })
    expect(await codeOf(store.put('x', Buffer.from('x')))).toBe('connect/permission-denied')
    expect(await codeOf(store.head('x'))).toBe('connect/permission-denied')
    proxy.onRequest = () => ({ kind: 'refuse', status: 400, code: 'InvalidArgument' })
    expect(await codeOf(store.put('x', Buffer.from('x')))).toBe('internal/bug')
    expect(proxy.seen).toHaveLength(3)
  })

  it('stops waiting for another try when it is told to', async () => {
    proxy.onRequest = () => slow
    const stop = new AbortController()
    setTimeout(() => stop.abort(), 50)
    expect(await codeOf(store.put('x', Buffer.from('x'), { signal: stop.signal }))).toBe('platform/deadline')
    expect(await codeOf(store.put('x', Buffer.from('x'), { signal: AbortSignal.abort() }))).toBe('platform/deadline')
  })

  it('says that a server is not there', async () => {
    const nowhere = await oss.openStore('bkt', ossKeys, 'http://127.0.0.1:1')
    expect(await codeOf(nowhere.head('x'))).toBe('connect/unreachable')
  })
})

describe('a conditional put', () => {
  it('whose answer is lost knows its own object again', async () => {
    proxy.onRequest = inOrder([{ kind: 'lose-answer' }])
    const put = await store.put('lost-answer', Buffer.from('mine'), { ifAbsent: true, metadata: { rows: '1' } })
    expect(await store.head('lost-answer')).toMatchObject({ etag: put.etag, metadata: { rows: '1' } })
    expect((await store.head('lost-answer'))?.metadata).toEqual({ rows: '1' })
  })

  it('does not take the same bytes of another writer for its own', async () => {
    await store.put('theirs', Buffer.from('same'), { ifAbsent: true })
    proxy.onRequest = inOrder([{ kind: 'reset' }])
    expect(await codeOf(store.put('theirs', Buffer.from('same'), { ifAbsent: true }))).toBe('target/object-exists')
  })
})

describe('a stream', () => {
  const pieces = async function* (count: number) {
    for (let n = 0; n < count; n += 1) yield Buffer.alloc(200_000, n)
  }
  const parts = { partBytes: 500_000 }
  const isComplete = ({ method, url }: { method: string; url: string }) => method === 'POST' && /uploadId=/.test(url)

  it('is uploaded whole through broken connections, refusals and a lost answer at the end', async () => {
    proxy.onRequest = inOrder([{ kind: 'reset' }, slow, { kind: 'lose-answer' }, { kind: 'reset' }])
    const put = await store.putStream('stream', pieces(20), parts)
    proxy.onRequest = inOrder([{ kind: 'lose-answer' }], isComplete)
    const again = await store.putStream('stream', pieces(20), parts)
    expect(again).toEqual(put)
    expect(again.size).toBe(4_000_000)
    expect((await store.head('stream'))?.size).toBe(4_000_000)
  })

  it('under ifAbsent knows its own object after a lost answer, and leaves no parts where it is refused', async () => {
    proxy.onRequest = inOrder([{ kind: 'lose-answer' }], isComplete)
    await store.putStream('stream-once', pieces(20), { ...parts, ifAbsent: true })
    proxy.onRequest = () => null
    proxy.seen.length = 0
    expect(await codeOf(store.putStream('stream-once', pieces(20), { ...parts, ifAbsent: true }))).toBe(
      'target/object-exists',
    )
    expect(proxy.seen.some(({ method, url }) => method === 'DELETE' && /uploadId=/.test(url))).toBe(true)
  })

  it('that fails tells its source, so that no cursor stays open', async () => {
    let closed = 0
    const source = async function* () {
      try {
        yield* pieces(50)
      } finally {
        closed += 1
      }
    }
    proxy.onRequest = ({ url }) => (/uploads/.test(url) ? { kind: 'refuse', status: 403, code: 'AccessDenied' } : null)
    expect(await codeOf(store.putStream('refused', source(), parts))).toBe('connect/permission-denied')
    expect(closed).toBe(1)
    proxy.onRequest = ({ url }) =>
      /partNumber=3/.test(url) ? { kind: 'refuse', status: 403, code: 'AccessDenied' } : null
    expect(await codeOf(store.putStream('refused', source(), parts))).toBe('connect/permission-denied')
    expect(closed).toBe(2)
  })

  it('keeps no more than a few parts in flight', async () => {
    let [taken, done] = [0, 0]
    let most = 0
    proxy.onRequest = ({ url }) => {
      if (/partNumber=/.test(url)) done += 1
      return null
    }
    const source = async function* () {
      for (let n = 0; n < 40; n += 1) {
        taken += 1
        most = Math.max(most, taken - done)
        yield Buffer.alloc(500_000, n)
      }
    }
    await store.putStream('bounded', source(), parts)
    expect(most).toBeLessThan(8)
  })

  it('stops when it is told to, and leaves nothing', async () => {
    const stop = new AbortController()
    const source = async function* () {
      for (let n = 0; ; n += 1) {
        if (n === 10) stop.abort()
        yield Buffer.alloc(500_000, n)
      }
    }
    expect(await codeOf(store.putStream('stopped', source(), { ...parts, signal: stop.signal }))).toBe(
      'platform/deadline',
    )
    expect(await store.head('stopped')).toBeNull()
  })
})

describe('a prepared upload', () => {
  const prepared = () => store.prepareUpload('export', one())
  const one = async function* () {
    yield Buffer.from('new')
  }

  it('that was aborted is not taken for complete because an older object is there', async () => {
    await store.put('export', Buffer.from('old'))
    const { uploadId } = await prepared()
    await store.abortUpload('export', uploadId)
    expect(await codeOf(store.completeUpload('export', uploadId))).toBe('source/object-missing')
    expect(String((await store.read('export', 10))?.body)).toBe('old')
  })

  it('is completed once when the answer is lost, and by a process that did not begin it', async () => {
    const { uploadId } = await prepared()
    proxy.onRequest = inOrder([{ kind: 'lose-answer' }], ({ method }) => method === 'POST')
    const other = await oss.openStore('bkt', ossKeys, proxy.endpoint)
    await other.completeUpload('export', uploadId)
    await store.completeUpload('export', uploadId)
    expect(String((await store.read('export', 10))?.body)).toBe('new')
  })
})

describe('an object', () => {
  it('larger than asked for is refused by its length, without waiting for its bytes', async () => {
    proxy.onRequest = () => ({ kind: 'stall', afterBytes: 0 })
    expect(await codeOf(store.read('body', 1000))).toBe('event/too-large')
    expect(proxy.seen).toHaveLength(1)
  })

  it('whose key an HTTP client would resolve is named as what it is', async () => {
    for (const key of ['a/../b', '..', './a']) {
      const error = await store.put(key, Buffer.from('x')).catch((thrown: unknown) => thrown)
      expect(error).toBeInstanceOf(TransferError)
      expect((error as TransferError).code).toBe('job/unsupported')
    }
  })

  it('in a bucket that is not there is not just missing', async () => {
    const missing = await oss.openStore('no-such-bucket', ossKeys, proxy.endpoint)
    expect(await codeOf(missing.head('x'))).toBe('source/bucket-missing')
    expect(await codeOf(missing.read('x', 10))).toBe('source/bucket-missing')
    expect(
      await codeOf(
        gather(
          (async function* () {
            for await (const { key } of missing.list('')) yield Buffer.from(key)
          })(),
        ),
      ),
    ).toBe('source/bucket-missing')
  })

  it('with a key that XML cannot hold is listed and removed like any other', async () => {
    const keys = ['odd/\u0001', 'odd/a\r\nb', 'odd/plus+ %2F', 'odd/é😀']
    for (const key of keys) await store.put(key, Buffer.from('x'))
    const listed = async () => {
      const found: string[] = []
      for await (const { key } of store.list('odd/')) found.push(key)
      return found
    }
    expect(await listed()).toEqual(keys)
    await store.remove(keys)
    expect(await listed()).toEqual([])
  })

  it('list of the empty prefix is the whole bucket', async () => {
    const found: string[] = []
    for await (const { key } of store.list('')) found.push(key)
    expect(found).toContain('body')
  })
})
