import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Bucket } from '../../../shared/local/oss/bucket.ts'
import { pageOf } from '../../../shared/local/oss/listing.ts'
import { SortedKeys } from '../../../shared/local/oss/sorted-keys.ts'
import { startTestOss, type TestOss } from '../../support/oss.ts'
import { aliOss, type Client } from '../../support/oss-client.ts'
import { tempDir } from '../../support/temp-dir.ts'

const bytes = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b))

/** A bucket as far as a listing looks at it. */
function bucketOf(keys: readonly string[]): Bucket {
  const there = new Set(keys)
  const find = (key: string) =>
    there.has(key) ? { key, size: 1, etag: 'E', lastModified: '2026-01-01T00:00:00.000Z', type: 'Normal' } : null
  return { keys: new SortedKeys(keys), find } as unknown as Bucket
}

/** All pages, entry by entry. */
function walk(bucket: Bucket, prefix: string, delimiter: string, max: number): { names: string[]; pages: number } {
  const names: string[] = []
  let pages = 0
  for (let after: string | null = ''; after !== null; pages += 1) {
    const page = pageOf(bucket, prefix, delimiter, after, max)
    const entries = [...page.objects.map(({ key }) => key), ...page.prefixes].sort(bytes)
    expect(entries.length).toBeLessThanOrEqual(max)
    names.push(...entries)
    after = page.next
  }
  return { names, pages }
}

const key = fc.stringMatching(/^[ab/~\u{ff5e}\u{1f600}]{1,6}$/u)

describe('a listing', () => {
  it('gives every key and common prefix once, in UTF-8 order, whatever the size of a page', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(key, { maxLength: 30 }),
        fc.constantFrom('', 'a', 'a/', '/'),
        fc.constantFrom('', '/', 'a'),
        fc.integer({ min: 1, max: 7 }),
        (keys, prefix, delimiter, max) => {
          const under = keys.filter((one) => one.startsWith(prefix))
          const expected = new Set(
            under.map((one) => {
              const cut = delimiter === '' ? -1 : one.indexOf(delimiter, prefix.length)
              return cut === -1 ? one : one.slice(0, cut + delimiter.length)
            }),
          )
          expect(walk(bucketOf(keys), prefix, delimiter, max).names).toEqual([...expected].sort(bytes))
        },
      ),
      { numRuns: 500 },
    )
  })

  it('after a marker gives what is behind it in UTF-8 order, also where UTF-16 has another order', () => {
    fc.assert(
      fc.property(fc.uniqueArray(key, { maxLength: 20 }), key, key, (keys, prefix, after) => {
        const expected = keys.filter((one) => one.startsWith(prefix) && bytes(one, after) > 0).sort(bytes)
        expect(pageOf(bucketOf(keys), prefix, '', after, 1000).objects.map((one) => one.key)).toEqual(expected)
      }),
      { numRuns: 500 },
    )
  })

  it('stays fast with 100,000 keys', () => {
    const keys = [...Array(100_000).keys()].map((n) => `in/${n % 100}/${n}`)
    const began = performance.now()
    const bucket = bucketOf(keys)
    expect(walk(bucket, '', '', 1000).names).toHaveLength(100_000)
    expect(walk(bucket, 'in/', '/', 1000).names).toHaveLength(100)
    // About 0.4 s alone on the machine; a walk that looks at every key for every entry takes minutes.
    expect(performance.now() - began).toBeLessThan(5_000)
  })
})

describe('a listing through ali-oss', () => {
  let oss: TestOss
  let client: Client
  beforeAll(async () => {
    oss = await startTestOss(await tempDir('oss-listing'))
    await oss.server.createBucket('bkt')
    client = aliOss(oss.server.endpoint, 'bkt')
    for (const one of ['in/', 'in/1', 'in/2', 'in/sub/3', 'out/4', 'top', 'z<&>"'])
      await client.put(one, Buffer.from('x'))
  })
  afterAll(() => oss.server.close())

  it('of a folder with a marker object shows what is in the folder', async () => {
    const page = await client.listV2({ prefix: 'in/', delimiter: '/' }, {})
    expect(page.objects?.map(({ name }) => name)).toEqual(['in/', 'in/1', 'in/2'])
    expect(page.prefixes).toEqual(['in/sub/'])
  })

  it('goes on with a continuation token, v2', async () => {
    const names: string[] = []
    let token: string | undefined
    do {
      const page: Awaited<ReturnType<Client['listV2']>> = await client.listV2(
        { 'max-keys': '2', 'start-after': 'in/1', ...(token === undefined ? {} : { 'continuation-token': token }) },
        {},
      )
      names.push(...(page.objects ?? []).map(({ name }) => name))
      token = page.isTruncated ? page.nextContinuationToken : undefined
    } while (token !== undefined)
    expect(names).toEqual(['in/2', 'in/sub/3', 'out/4', 'top', 'z<&>"'])
  })

  it('goes on with a marker, v1, and has an owner', async () => {
    const first = await client.list({ 'max-keys': 2, delimiter: '/' }, {})
    expect(first.prefixes).toEqual(['in/', 'out/'])
    const second = await client.list({ 'max-keys': 2, delimiter: '/', marker: first.nextMarker }, {})
    expect(second.objects?.map(({ name }) => name)).toEqual(['top', 'z<&>"'])
    expect(second.objects?.[0]?.owner).toMatchObject({ id: '1000000000000001' })
  })
})
