import { readdir } from 'node:fs/promises'
import { request } from 'node:http'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { expect, it, onTestFinished } from 'vitest'
import { eventually } from '../../support/fc.ts'
import { startTestOss } from '../../support/oss.ts'
import { startOssProcess } from '../../support/oss-child.ts'
import { aliOss, refusalOf } from '../../support/oss-client.ts'
import { signedHeaders } from '../../support/oss-raw.ts'
import { tempDir } from '../../support/temp-dir.ts'

const filesUnder = async (dir: string) =>
  (await readdir(dir, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile())

it('a server killed in the middle of a put keeps the old object, and nothing of the new one', async () => {
  const dir = await tempDir('oss-kill-put')
  const server = await startOssProcess(dir)
  const client = aliOss(server.endpoint, 'bkt')
  await client.put('key', Buffer.from('old'))
  const { hostname, port } = new URL(server.endpoint)
  const headers = { ...signedHeaders('bkt', { method: 'PUT', path: '/key' }), 'content-length': 50_000_000 }
  const put = request({ hostname, port, method: 'PUT', path: '/key', headers })
  put.on('error', () => undefined)
  put.write(Buffer.alloc(20_000_000))
  const segments = join(dir, 'buckets', 'bkt', 'segments')
  await eventually(async () => (await filesUnder(segments)).length === 2)
  await server.kill()
  const again = await startTestOss(dir)
  onTestFinished(() => again.server.close())
  expect(await filesUnder(segments)).toHaveLength(1)
  expect(String((await aliOss(again.server.endpoint, 'bkt').get('key')).content)).toBe('old')
})

it('killed at any moment, a server has what it acknowledged, whole objects only, and an event for each', async () => {
  const dir = await tempDir('oss-kill-any')
  const acknowledged = new Set<string>()
  for (const afterMs of [40, 90, 170]) {
    const server = await startOssProcess(dir, 'refuse')
    const client = aliOss(server.endpoint, 'bkt')
    const writers = [...Array(8).keys()].map(async (writer): Promise<never> => {
      for (let n = 0; ; n += 1) {
        const key = `${afterMs}/${writer}/${n}`
        await client.put(key, Buffer.from(key.repeat(1000)))
        acknowledged.add(key)
        if (n % 3 === 0) await client.delete(key).then(() => acknowledged.delete(key))
      }
    })
    const settled = Promise.allSettled(writers)
    // The moment of the kill is what is tried here, not a wait for something.
    await new Promise((resolve) => setTimeout(resolve, afterMs))
    await server.kill()
    await settled
  }
  const again = await startTestOss(dir)
  onTestFinished(() => again.server.close())
  const client = aliOss(again.server.endpoint, 'bkt')
  const keys = await allKeys(client)
  for (const key of acknowledged) if (!isDeletedLater(key)) expect(keys).toContain(key)
  for (const key of keys) expect(String((await client.get(key)).content)).toBe(key.repeat(1000))
  const told = () =>
    new Set(again.notifications.map(({ events }) => `${events[0]?.eventName} ${events[0]?.oss.object.key}`))
  await eventually(() => keys.every((key) => told().has(`ObjectCreated:PutObject ${key}`)))
  expect(await filesUnder(join(dir, 'buckets', 'bkt', 'segments'))).toHaveLength(keys.length)
  await eventually(async () => (await filesUnder(join(dir, 'outbox'))).length === 0)
})

/** Its deletion may have been on its way when the server was killed. */
const isDeletedLater = (key: string) => Number(key.split('/')[2]) % 3 === 0

async function allKeys(client: ReturnType<typeof aliOss>): Promise<string[]> {
  const keys: string[] = []
  let token: string | undefined
  do {
    const page: Awaited<ReturnType<typeof client.listV2>> = await client.listV2(
      { 'max-keys': '1000', ...(token === undefined ? {} : { 'continuation-token': token }) },
      {},
    )
    keys.push(...(page.objects ?? []).map(({ name }) => name))
    token = page.isTruncated ? page.nextContinuationToken : undefined
  } while (token !== undefined)
  return keys
}

it('an event that the killed server could not deliver is delivered by the next one', async () => {
  const dir = await tempDir('oss-replay')
  const server = await startOssProcess(dir, 'refuse')
  const client = aliOss(server.endpoint, 'bkt')
  await client.put('in/a.csv', Buffer.from('12345'))
  await client.put('in/a.csv', Buffer.from('123'))
  await client.delete('in/a.csv')
  await server.kill()
  const again = await startTestOss(dir)
  onTestFinished(() => again.server.close())
  await eventually(() => again.notifications.length === 3)
  const events = again.notifications.map(({ events: [event] }) => [event?.eventName, event?.oss.object.deltaSize])
  expect(events.sort()).toEqual([
    ['ObjectCreated:PutObject', -2],
    ['ObjectCreated:PutObject', 5],
    ['ObjectRemoved:DeleteObject', -3],
  ])
})

it('an upload that a killed server had under way can be completed after the restart', async () => {
  const dir = await tempDir('oss-kill-upload')
  const server = await startOssProcess(dir)
  const body = Buffer.alloc(102_400, 7)
  const { uploadId } = await aliOss(server.endpoint, 'bkt').initMultipartUpload('key')
  const { etag } = await aliOss(server.endpoint, 'bkt').uploadPart('key', uploadId, 1, body, 0, body.length)
  await server.kill()
  const again = await startTestOss(dir)
  onTestFinished(() => again.server.close())
  const client = aliOss(again.server.endpoint, 'bkt')
  await client.completeMultipartUpload('key', uploadId, [{ number: 1, etag }])
  expect((await client.get('key')).content.equals(body)).toBe(true)
})

it('objects of any size go through at constant memory, both ways', async () => {
  const server = await startOssProcess(await tempDir('oss-rss'))
  onTestFinished(() => server.kill())
  const client = aliOss(server.endpoint, 'bkt')
  const [pieces, pieceBytes] = [300, 1024 * 1024]
  const { rssBytes } = await server.rss()
  const body = Readable.from(repeated(Buffer.alloc(pieceBytes, 5), pieces))
  await client.putStream('large', body, { contentLength: pieces * pieceBytes } as never)
  const { stream } = await client.getStream('large')
  let size = 0
  for await (const piece of stream as AsyncIterable<Buffer>) size += piece.length
  expect(size).toBe(pieces * pieceBytes)
  expect((await server.rss()).peakBytes - rssBytes).toBeLessThan(120 * 1024 * 1024)
  expect(await refusalOf(client.head('large'))).toBe('ok')
})

function* repeated(piece: Buffer, times: number): Iterable<Buffer> {
  for (let n = 0; n < times; n += 1) yield piece
}
