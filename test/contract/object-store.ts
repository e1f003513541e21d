import { beforeAll, describe, expect, it } from 'vitest'
import { TransferError } from '../../shared/errors/index.ts'
import type { ObjectStore } from '../../shared/ports/index.ts'

export const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'no error',
    (error: unknown) => (error instanceof TransferError ? error.code : `not coded: ${String(error)}`),
  )

export async function gather(body: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const pieces: Uint8Array[] = []
  // A piece may be lent.
  for await (const piece of body) pieces.push(Buffer.from(piece))
  return Buffer.concat(pieces)
}

const listed = async (store: ObjectStore, prefix: string) => {
  const keys: string[] = []
  for await (const { key } of store.list(prefix)) keys.push(key)
  return keys
}

async function* pieces(size: number, pieceBytes: number): AsyncIterable<Uint8Array> {
  for (let at = 0; at < size; at += pieceBytes) yield patterned(at, Math.min(pieceBytes, size - at))
}

const patterned = (from: number, size: number) =>
  Buffer.from(Uint8Array.from({ length: size }, (_, index) => ((from + index) * 31) % 251))

/** What every ObjectStore must do, whichever server is behind it. */
export function describeObjectStore(
  name: string,
  start: () => Promise<{ store: ObjectStore; missingBucket: ObjectStore }>,
): void {
  describe(`${name} as an object store`, () => {
    let store: ObjectStore
    let missingBucket: ObjectStore
    beforeAll(async () => {
      ;({ store, missingBucket } = await start())
    })

    it('gives back what was put, with its version and metadata', async () => {
      const body = patterned(0, 100_000)
      const { etag } = await store.put('a/b c+d/é😀&<>".csv', body, {
        metadata: { rows: '7' },
        contentType: 'text/csv',
      })
      const head = await store.head('a/b c+d/é😀&<>".csv')
      expect(head).toMatchObject({ etag, size: 100_000, metadata: { rows: '7' } })
      expect((await store.read('a/b c+d/é😀&<>".csv', 200_000))?.body.equals(body)).toBe(true)
    })

    it('says null for an object that is not there, and a code for a bucket that is not there', async () => {
      expect(await store.head('nothing')).toBeNull()
      expect(await store.read('nothing', 10)).toBeNull()
      expect(await codeOf(missingBucket.put('x', Buffer.from('x')))).toBe('source/bucket-missing')
    })

    it('reads exactly the bytes of a range, and none of an empty one', async () => {
      const body = patterned(0, 3_000_000)
      const { etag } = await store.put('range', body)
      for (const [start, end] of [
        [0, 1],
        [0, 3_000_000],
        [1_234_567, 2_345_678],
        [2_999_999, 3_000_000],
        [5, 5],
      ] as const) {
        const read = await gather(store.readRange('range', { start, end, etag }))
        expect(read.equals(body.subarray(start, end))).toBe(true)
      }
    })

    it('refuses to read another version than the one asked for', async () => {
      const { etag } = await store.put('version', Buffer.from('first'))
      await store.put('version', Buffer.from('second'))
      expect(await codeOf(gather(store.readRange('version', { start: 0, end: 5, etag })))).toBe('source/object-changed')
      await store.remove(['version'])
      expect(await codeOf(gather(store.readRange('version', { start: 0, end: 5, etag })))).toBe('source/object-missing')
    })

    it('lets one of many conditional puts win', async () => {
      const puts = [...Array(20).keys()].map((n) =>
        codeOf(store.put('once', Buffer.from(`writer ${n}`), { ifAbsent: true })),
      )
      const codes = await Promise.all(puts)
      expect(codes.filter((code) => code === 'no error')).toHaveLength(1)
      expect(codes.filter((code) => code === 'target/object-exists')).toHaveLength(19)
    })

    it('lists more than one page in the order of UTF-8 bytes', async () => {
      const keys = [...Array(1005).keys()].map((n) => `list/${String(n).padStart(5, '0')}`)
      keys.push('list/\uff5e', 'list/😀')
      for (let at = 0; at < keys.length; at += 50)
        await Promise.all(keys.slice(at, at + 50).map((key) => store.put(key, Buffer.from('x'))))
      expect(await listed(store, 'list/')).toEqual(keys)
    })

    it('streams a body of unknown size, small, large or empty', async () => {
      for (const size of [0, 1, 1024 * 1024, 20_000_003]) {
        const { etag, size: stored } = await store.putStream(`stream/${size}`, pieces(size, 300_000), {
          partBytes: 5_000_000,
        })
        expect(stored).toBe(size)
        const whole = await gather(pieces(size, 300_000))
        expect((await gather(store.readRange(`stream/${size}`, { start: 0, end: size, etag }))).equals(whole)).toBe(
          true,
        )
      }
    })

    it('leaves nothing of a stream whose source fails', async () => {
      const broken = async function* () {
        yield* pieces(9_000_000, 1_000_000)
        throw new TransferError('source/sql-failed', 'broken')
      }
      expect(await codeOf(store.putStream('broken', broken(), { partBytes: 2_000_000 }))).toBe('source/sql-failed')
      expect(await store.head('broken')).toBeNull()
    })

    it('shows a prepared upload only once it is completed, however often that is asked', async () => {
      const { uploadId, size } = await store.prepareUpload('prepared', pieces(500_000, 100_000))
      expect(size).toBe(500_000)
      expect(await store.head('prepared')).toBeNull()
      await store.completeUpload('prepared', uploadId)
      await store.completeUpload('prepared', uploadId)
      expect((await store.head('prepared'))?.size).toBe(500_000)
    })

    it('forgets an aborted upload', async () => {
      const { uploadId } = await store.prepareUpload('aborted', pieces(200_000, 100_000))
      await store.abortUpload('aborted', uploadId)
      await store.abortUpload('aborted', uploadId)
      expect(await codeOf(store.completeUpload('aborted', uploadId))).toBe('source/object-missing')
    })

    it('removes many objects and does not mind missing ones', async () => {
      await Promise.all(['gone/1', 'gone/2'].map((key) => store.put(key, Buffer.from('x'))))
      await store.remove(['gone/1', 'gone/2', 'gone/3'])
      expect(await listed(store, 'gone/')).toEqual([])
    })
  })
}
