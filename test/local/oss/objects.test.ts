import { createHash } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createCrc64 } from '../../../shared/codecs/crc64.ts'
import { eventually } from '../../support/fc.ts'
import { startTestOss, type TestOss } from '../../support/oss.ts'
import { aliOss, type Client, refusalOf } from '../../support/oss-client.ts'
import { codeIn, rawCall, signedHeaders } from '../../support/oss-raw.ts'
import { tempDir } from '../../support/temp-dir.ts'

let oss: TestOss
let client: Client
let dir: string
const raw = (method: string, path: string, headers: Record<string, string> = {}, body?: Buffer) =>
  rawCall(oss.server.endpoint, 'bkt', { method, path, headers, ...(body === undefined ? {} : { body }) })
const hex = (body: Buffer) => createHash('md5').update(body).digest('hex').toUpperCase()
const crcOf = (body: Buffer) => {
  const crc = createCrc64()
  crc.update(body)
  return crc.digest()
}

beforeAll(async () => {
  dir = await tempDir('oss-objects')
  oss = await startTestOss(dir)
  await oss.server.createBucket('bkt')
  client = aliOss(oss.server.endpoint, 'bkt')
})
afterAll(() => oss.server.close())

describe('a put', () => {
  it('answers with the digests of what was stored, and keeps type and metadata', async () => {
    const body = Buffer.from('some text')
    const { res } = await client.put('digests', body, { mime: 'text/x', meta: { rows: '7' } as never })
    expect(res.headers).toMatchObject({ etag: `"${hex(body)}"`, 'x-oss-hash-crc64ecma': crcOf(body) })
    const head = await client.head('digests')
    expect(head.meta).toEqual({ rows: '7' })
    expect(head.res.headers).toMatchObject({ 'content-type': 'text/x', 'x-oss-object-type': 'Normal' })
    expect(head.res.headers).toHaveProperty('x-oss-request-id')
  })

  it('of a damaged body is refused and leaves nothing', async () => {
    const md5 = createHash('md5').update('sent').digest('base64')
    const answer = await raw('PUT', '/damaged', { 'content-md5': md5 }, Buffer.from('SENT'))
    expect(codeIn(answer)).toBe('InvalidDigest')
    expect(await refusalOf(client.head('damaged'))).toBe('404 NoSuchKey')
  })

  it('tells a client that is still sending why it is refused', async () => {
    await client.put('taken', Buffer.from('x'))
    const headers = { 'x-oss-forbid-overwrite': 'true' }
    expect(await refusalOf(client.put('taken', Buffer.alloc(40_000_000), { headers }))).toBe('409 FileAlreadyExists')
    const wrong = aliOss(oss.server.endpoint, 'bkt', { accessKeySecret: 'wrong' })
    expect(await refusalOf(wrong.put('taken', Buffer.alloc(40_000_000)))).toBe('403 SignatureDoesNotMatch')
  })

  it('of more than 5 GB is refused before its bytes come', async () => {
    const answer = await raw('PUT', '/huge', {}, Buffer.from('x')).catch((error: Error) => error)
    expect(answer).toMatchObject({ status: 200 })
    const { hostname, port } = new URL(oss.server.endpoint)
    const headers = { ...signedHeaders('bkt', { method: 'PUT', path: '/huge' }), 'content-length': 6 * 1024 ** 3 }
    const head = Object.entries(headers).map(([name, value]) => `${name}: ${value}`)
    const socket = connect(Number(port), hostname)
    socket.write(`PUT /huge HTTP/1.1\r\n${head.join('\r\n')}\r\n\r\nfirst bytes`)
    const text = await new Promise<string>((resolve) => socket.once('data', (data) => resolve(String(data))))
    socket.destroy()
    expect(text).toMatch(/^HTTP\/1\.1 400 [\s\S]*x-oss-err/)
  })

  it.each([
    ['with a length', { 'content-length': '1000000' }],
    ['in chunks', { 'transfer-encoding': 'chunked' }],
  ])('%s that the client gives up leaves neither object nor bytes', async (name, framing) => {
    const { hostname, port } = new URL(oss.server.endpoint)
    const path = `/given-up-${name.length}`
    const head = Object.entries({ ...signedHeaders('bkt', { method: 'PUT', path }), ...framing })
    const before = await segmentFiles()
    const socket = connect(Number(port), hostname)
    socket.write(`PUT ${path} HTTP/1.1\r\n${head.map(([k, v]) => `${k}: ${v}`).join('\r\n')}\r\n\r\n`)
    socket.write('transfer-encoding' in framing ? '5\r\nhello\r\n' : 'hello')
    await eventually(async () => (await segmentFiles()).length === before.length + 1)
    socket.destroy()
    await eventually(async () => (await segmentFiles()).length === before.length)
    expect(await refusalOf(client.head(path.slice(1)))).toBe('404 NoSuchKey')
  })

  it('with x-oss-forbid-overwrite wins once among 20', async () => {
    const writers = [...Array(20).keys()].map((n) =>
      refusalOf(client.put('race', Buffer.from(`${n}`), { headers: { 'x-oss-forbid-overwrite': 'true' } })),
    )
    const outcomes = (await Promise.all(writers)).sort()
    expect(outcomes).toEqual([...Array(19).fill('409 FileAlreadyExists'), 'ok'])
    expect(oss.notifications.filter(({ events }) => events[0]?.oss.object.key === 'race')).toHaveLength(1)
  })

  const segmentFiles = async () =>
    (await readdir(join(dir, 'buckets', 'bkt', 'segments'), { recursive: true })).filter((name) => name.includes('/'))
})

describe('a key', () => {
  it.each([
    'a',
    'a/b',
    'a//b',
    'a/',
    "it's (x)!*",
    '%2F%00',
    'q?x=1#h',
    'x\r\ny',
    'a\u0001b',
    '中文/😀',
    'k'.repeat(1023),
    '__proto__',
  ])('may be %j', async (key) => {
    await client.put(key, Buffer.from(key))
    expect(String((await client.get(key)).content)).toBe(key)
    expect((await client.listV2({ prefix: key, 'encoding-type': 'url', 'max-keys': '1' }, {})).objects?.[0]?.name).toBe(
      encodeURIComponent(key),
    )
  })

  it.each(['/../../../../etc/passwd', '/..', '/%2e%2e/%2e%2e/x', '/a/..%2f..%2f..%2fx'])(
    'such as %s never leaves the bucket',
    async (path) => {
      expect((await raw('PUT', path, {}, Buffer.from('mine'))).status).toBe(200)
      expect(String((await raw('GET', path)).body)).toBe('mine')
      expect((await readdir(dir)).sort()).toEqual(['buckets', 'outbox'])
      expect(await readdir(join(dir, 'buckets'))).toEqual(['bkt'])
    },
  )

  it.each(['//etc/passwd', '/%5Cx', '/a%00b', `/${'é'.repeat(512)}`])('such as %s is refused', async (path) => {
    expect(codeIn(await raw('PUT', encodeURI(decodeURI(path)), {}, Buffer.from('x')))).toMatch(/Invalid/)
  })

  it('that is not valid UTF-8 is refused', async () => {
    const bad = await fetch(`${oss.server.endpoint}/bkt/%ff%fe`)
    expect([bad.status, await bad.text()]).toEqual([400, expect.stringContaining('InvalidURI')])
  })
})

describe('a range', () => {
  const standard = { 'x-oss-range-behavior': 'standard' }
  beforeAll(() => client.put('range', Buffer.from('0123456789')))

  it.each([
    ['bytes=2-4', '234', 'bytes 2-4/10'],
    ['bytes=7-', '789', 'bytes 7-9/10'],
    ['bytes=-3', '789', 'bytes 7-9/10'],
    ['bytes=0-0', '0', 'bytes 0-0/10'],
  ])('%s gives %s', async (range, body, contentRange) => {
    for (const more of [{}, standard]) {
      const answer = await raw('GET', '/range', { range, ...more })
      expect([answer.status, String(answer.body), answer.headers['content-range']]).toEqual([206, body, contentRange])
    }
  })

  it.each(['bytes=5-99', 'bytes=10-12', 'bytes=99-'])(
    '%s outside gives the whole object, as the cloud does',
    async (range) => {
      const answer = await raw('GET', '/range', { range })
      expect([answer.status, String(answer.body)]).toEqual([200, '0123456789'])
    },
  )

  it('outside is clipped or refused under x-oss-range-behavior: standard', async () => {
    const clipped = await raw('GET', '/range', { range: 'bytes=5-99', ...standard })
    expect([clipped.status, clipped.headers['content-range']]).toEqual([206, 'bytes 5-9/10'])
    const outside = await raw('GET', '/range', { range: 'bytes=10-12', ...standard })
    expect([outside.status, codeIn(outside)]).toEqual([416, 'InvalidRange'])
  })
})

describe('conditions', () => {
  it('of ETag and time decide on 200, 304 and 412', async () => {
    const body = Buffer.from('conditional')
    await client.put('conditional', body)
    const [old, future] = [new Date(0).toUTCString(), new Date(Date.now() + 60_000).toUTCString()]
    const cases: [Record<string, string>, number][] = [
      [{ 'if-match': `"${hex(body)}"` }, 200],
      [{ 'if-match': '"other"' }, 412],
      [{ 'if-none-match': `"${hex(body)}"` }, 304],
      [{ 'if-none-match': '"other"' }, 200],
      [{ 'if-modified-since': old }, 200],
      [{ 'if-modified-since': future }, 304],
      [{ 'if-unmodified-since': old }, 412],
      [{ 'if-unmodified-since': future }, 200],
    ]
    for (const [headers, status] of cases)
      for (const method of ['GET', 'HEAD'])
        expect([method, headers, (await raw(method, '/conditional', headers)).status]).toEqual([
          method,
          headers,
          status,
        ])
  })

  it('of a copy look at the source', async () => {
    await client.put('copy-source', Buffer.from('x'))
    const copy = (headers: object) => refusalOf(client.copy('copy-target', 'copy-source', { headers }))
    expect(await copy({ 'x-oss-copy-source-if-match': 'other' })).toBe('412 PreconditionFailed')
    expect(await copy({ 'x-oss-copy-source-if-match': hex(Buffer.from('x')) })).toBe('ok')
    expect(await copy({ 'x-oss-forbid-overwrite': 'true' })).toBe('409 FileAlreadyExists')
    const bad = { 'x-oss-copy-source': '/bkt/%ff' }
    expect(codeIn(await raw('PUT', '/copy-target', bad))).toBe('InvalidArgument')
  })
})

describe('a reader', () => {
  it('gets its version whole while the object is replaced and deleted', async () => {
    const first = Buffer.alloc(30_000_000, 1)
    await client.put('held', first)
    const { stream } = await client.getStream('held')
    await client.put('held', Buffer.from('second'))
    await client.delete('held')
    let [size, other] = [0, 0]
    for await (const piece of stream as AsyncIterable<Buffer>) {
      size += piece.length
      other += piece.every((byte) => byte === 1) ? 0 : 1
    }
    expect([size, other]).toEqual([30_000_000, 0])
  })

  it('never meets an error among writers', async () => {
    const versions = [...Array(8).keys()].map((n) => Buffer.alloc(200_000 + n, n))
    await client.put('busy', versions[0] as Buffer)
    const writing = Promise.all(versions.flatMap((body) => [client.put('busy', body), client.put('busy', body)]))
    const reading = Promise.all(
      [...Array(60).keys()].map(async () => {
        const content: Buffer = (await client.get('busy')).content
        return versions.some((body) => body.equals(content))
      }),
    )
    expect((await reading).every(Boolean)).toBe(true)
    await writing
  })

  it('that hangs up in the middle does not hurt the server', async () => {
    await client.put('large', Buffer.alloc(20_000_000))
    for (let n = 0; n < 5; n += 1) {
      const { stream } = await client.getStream('large')
      await new Promise((resolve) => (stream as NodeJS.ReadableStream).once('data', resolve))
      ;(stream as import('node:stream').Readable).destroy()
    }
    expect((await client.head('large')).status).toBe(200)
  })

  it('may ask for other headers in the answer', async () => {
    await client.put('named', Buffer.from('x'))
    const answer = await client.get('named', undefined, { subres: { 'response-content-type': 'text/x-y' } } as never)
    expect((answer.res.headers as Record<string, string>)['content-type']).toBe('text/x-y')
  })
})

describe('an append', () => {
  it('at the same place by many succeeds once, and the sum of it all is right', async () => {
    let content = ''
    for (let round = 0; round < 5; round += 1) {
      const position = String(content.length)
      const tries = await Promise.all(
        ['a', 'bb', 'ccc'].map(async (text) => {
          const outcome = await refusalOf(client.append('log', Buffer.from(text), { position }))
          return { text, outcome }
        }),
      )
      const won = tries.filter(({ outcome }) => outcome === 'ok')
      expect(won).toHaveLength(1)
      expect(tries.map(({ outcome }) => outcome).sort()[0]).toBe('409 PositionNotEqualToLength')
      content += won[0]?.text
    }
    const { content: stored, res } = await client.get('log')
    expect(String(stored)).toBe(content)
    expect(res.headers).toMatchObject({ 'x-oss-hash-crc64ecma': crcOf(stored), 'x-oss-object-type': 'Appendable' })
  })

  it('to an object that was put is refused', async () => {
    await client.put('plain', Buffer.from('x'))
    expect(await refusalOf(client.append('plain', Buffer.from('y'), { position: '1' }))).toBe('409 ObjectNotAppendable')
  })
})

describe('what the server does not have', () => {
  it('is answered by 501, never by something else', async () => {
    expect(await refusalOf(client.putSymlink('link', 'range', {} as never))).toBe('501 NotImplemented')
    expect(await refusalOf(client.getBucketLifecycle('bkt'))).toBe('501 NotImplemented')
    expect(await client.getBucketLocation('bkt')).toMatchObject({ location: 'oss-cn-hangzhou' })
  })

  it('buckets are made once, and deleted only when empty', async () => {
    await Promise.all([...Array(5)].map(() => client.putBucket('other')))
    const other = aliOss(oss.server.endpoint, 'other')
    await other.put('x', Buffer.from('x'))
    expect(await refusalOf(client.deleteBucket('other'))).toBe('409 BucketNotEmpty')
    await other.delete('x')
    await client.deleteBucket('other')
    expect(await refusalOf(other.put('x', Buffer.from('x')))).toBe('404 NoSuchBucket')
    expect(await refusalOf(client.putBucket('Not_A_Bucket').then(() => undefined))).not.toBe('ok')
  })
})
