import { createHash } from 'node:crypto'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createCrc64 } from '../../../shared/codecs/crc64.ts'
import { startTestOss, type TestOss } from '../../support/oss.ts'
import { aliOss, type Client, refusalOf } from '../../support/oss-client.ts'
import { tempDir } from '../../support/temp-dir.ts'

let oss: TestOss
let client: Client
let dir: string
const part = (n: number, size = 102_400) => Buffer.alloc(size, n)

beforeAll(async () => {
  dir = await tempDir('oss-multipart')
  oss = await startTestOss(dir)
  await oss.server.createBucket('bkt')
  client = aliOss(oss.server.endpoint, 'bkt')
})
afterAll(() => oss.server.close())

async function begun(key: string, parts: readonly Buffer[]) {
  const { uploadId } = await client.initMultipartUpload(key)
  const list = await Promise.all(
    parts.map(async (body, index) => {
      const { etag } = await client.uploadPart(key, uploadId, index + 1, body, 0, body.length)
      return { number: index + 1, etag }
    }),
  )
  return { uploadId, list }
}

it('shows the object only when complete, with the digests of its parts', async () => {
  const parts = [part(1), part(2), part(3, 10)]
  const { uploadId, list } = await begun('whole', parts)
  expect(await refusalOf(client.head('whole'))).toBe('404 NoSuchKey')
  const { etag } = await client.completeMultipartUpload('whole', uploadId, list)
  const digests = Buffer.concat(parts.map((body) => createHash('md5').update(body).digest()))
  expect(etag).toBe(`"${createHash('md5').update(digests).digest('hex').toUpperCase()}-3"`)
  const { content, res } = await client.get('whole')
  expect(Buffer.concat(parts).equals(content)).toBe(true)
  const crc = createCrc64()
  crc.update(content)
  expect(res.headers).toMatchObject({ 'x-oss-hash-crc64ecma': crc.digest(), 'x-oss-object-type': 'Multipart' })
  expect(await refusalOf(client.listParts('whole', uploadId))).toBe('404 NoSuchUpload')
})

it('refuses missing parts, wrong ETags, wrong order and small parts, and stays open', async () => {
  const { uploadId, list } = await begun('checked', [part(1, 10), part(2), part(3)])
  const [one, two, three] = list as [{ number: number; etag: string }, (typeof list)[0], (typeof list)[0]]
  const complete = (parts: typeof list) => refusalOf(client.completeMultipartUpload('checked', uploadId, parts))
  expect(await complete([two, { number: 9, etag: two.etag }])).toBe('400 InvalidPart')
  expect(await complete([{ number: 2, etag: three.etag }])).toBe('400 InvalidPart')
  expect(await complete([one, two])).toBe('400 EntityTooSmall')
  expect(await complete([two, three])).toBe('ok')
})

it('replaces a part that is sent again', async () => {
  const { uploadId } = await begun('again', [part(1)])
  const { etag } = await client.uploadPart('again', uploadId, 1, part(2), 0, 102_400)
  await client.completeMultipartUpload('again', uploadId, [{ number: 1, etag }])
  expect((await client.get('again')).content.equals(part(2))).toBe(true)
})

it('of abort and complete at once lets one win, and never shows an object without its bytes', async () => {
  for (let round = 0; round < 10; round += 1) {
    const key = `duel-${round}`
    const { uploadId, list } = await begun(key, [part(round), part(round + 1)])
    const outcomes = await Promise.all([
      refusalOf(client.completeMultipartUpload(key, uploadId, list)),
      refusalOf(client.abortMultipartUpload(key, uploadId)),
      refusalOf(client.uploadPart(key, uploadId, 1, part(99), 0, 102_400)),
    ])
    const shown = await refusalOf(client.get(key))
    expect(shown).toBe(outcomes[0] === 'ok' ? 'ok' : '404 NoSuchKey')
  }
})

it('completes once under x-oss-forbid-overwrite', async () => {
  const uploads = await Promise.all([1, 2, 3].map((n) => begun('once', [part(n)])))
  const headers = { 'x-oss-forbid-overwrite': 'true' }
  const outcomes = await Promise.all(
    uploads.map(({ uploadId, list }) =>
      refusalOf(client.completeMultipartUpload('once', uploadId, list, { headers } as never)),
    ),
  )
  expect(outcomes.sort()).toEqual(['409 FileAlreadyExists', '409 FileAlreadyExists', 'ok'])
})

it('gives a reader every part of its version while the object is replaced and deleted', async () => {
  const parts = [1, 2, 3].map((n) => part(n, 12_000_000))
  const { uploadId, list } = await begun('held', parts)
  await client.completeMultipartUpload('held', uploadId, list)
  const { stream } = await client.getStream('held')
  await client.put('held', Buffer.from('second'))
  await client.delete('held')
  const pieces: Buffer[] = []
  for await (const piece of stream as AsyncIterable<Buffer>) pieces.push(piece)
  expect(Buffer.concat(pieces).equals(Buffer.concat(parts))).toBe(true)
})

it('copies parts of another object', async () => {
  await client.put('source é', Buffer.concat([part(1), part(2)]))
  const { uploadId } = await client.initMultipartUpload('target')
  const source = { sourceKey: 'source é', sourceBucketName: 'bkt' }
  const { etag } = await client.uploadPartCopy('target', uploadId, 1, '102390-102409', source)
  await client.completeMultipartUpload('target', uploadId, [{ number: 1, etag }])
  expect((await client.get('target')).content).toEqual(Buffer.concat([part(1, 10), part(2, 10)]))
})

it('lists uploads and parts page by page, also after a restart', async () => {
  const { uploadId } = await begun('paged/a', [part(1), part(2), part(3)])
  await begun('paged/b', [])
  await oss.server.close()
  oss = await startTestOss(dir)
  client = aliOss(oss.server.endpoint, 'bkt')
  const first = (await client.listUploads({ prefix: 'paged/', 'max-uploads': 1 })) as Awaited<
    ReturnType<Client['listUploads']>
  > & { nextKeyMarker: string; nextUploadIdMarker: string }
  expect([first.uploads.map(({ name }) => name), first.isTruncated]).toEqual([['paged/a'], true])
  const markers = { 'key-marker': first.nextKeyMarker, 'upload-id-marker': first.nextUploadIdMarker }
  const second = await client.listUploads({ prefix: 'paged/', 'max-uploads': 1, ...markers })
  expect([second.uploads.map(({ name }) => name), second.isTruncated]).toEqual([['paged/b'], false])
  const query = { 'max-parts': 2, 'part-number-marker': 1 } as never
  const parts = (await client.listParts('paged/a', uploadId, query)).parts as unknown as ListedPart[]
  expect(parts.map(({ PartNumber }) => PartNumber)).toEqual(['2', '3'])
  const sent = parts.map(({ PartNumber, ETag }) => ({ number: Number(PartNumber), etag: ETag }))
  expect(await refusalOf(client.completeMultipartUpload('paged/a', uploadId, sent))).toBe('ok')
})

interface ListedPart {
  readonly PartNumber: string
  readonly ETag: string
}
