import type { Bucket } from './bucket.ts'
import { invalidArgument } from './refusal.ts'
import { toXml } from './xml.ts'

interface Page {
  readonly objects: readonly { key: string; size: number; etag: string; lastModified: string; type: string }[]
  readonly prefixes: readonly string[]
  /** Last key or common prefix of the page; null when nothing is left. */
  readonly next: string | null
}

/** Walks the keys after `after`. A common prefix counts as one entry, and the walk goes on behind all keys under it. */
export function pageOf(bucket: Bucket, prefix: string, delimiter: string, after: string, max: number): Page {
  const objects: Page['objects'][number][] = []
  const prefixes: string[] = []
  let last = ''
  let start = laterOf(Buffer.from(prefix), behind(after, prefix, delimiter))
  for (;;) {
    const key = firstOf(bucket.keys.from(start))
    if (key === null || !key.startsWith(prefix)) return { objects, prefixes, next: null }
    if (objects.length + prefixes.length === max) return { objects, prefixes, next: last }
    const cut = delimiter === '' ? -1 : key.indexOf(delimiter, prefix.length)
    const common = cut === -1 ? null : key.slice(0, cut + delimiter.length)
    if (common === null) {
      const object = bucket.find(key)
      if (object !== null) objects.push(object)
    } else prefixes.push(common)
    last = common ?? key
    start = behind(last, prefix, delimiter)
  }
}

function firstOf(keys: Iterable<string>): string | null {
  for (const key of keys) return key
  return null
}

const laterOf = (a: Buffer, b: Buffer) => (Buffer.compare(a, b) < 0 ? b : a)

/**
 * The first position after a key, or after every key under a common prefix: 0xff never occurs in UTF-8. A key that equals
 * the prefix (`in/` as a folder's marker) ends with the delimiter too, and yet is no common prefix.
 */
function behind(last: string, prefix: string, delimiter: string): Buffer {
  const isCommon = delimiter !== '' && last.endsWith(delimiter) && last.startsWith(prefix) && last !== prefix
  return Buffer.concat([Buffer.from(last), Buffer.from(isCommon ? [0xff] : last === '' ? [] : [0])])
}

export function listXml(bucket: Bucket, query: ReadonlyMap<string, string>, accountId: string): string {
  const v2 = query.get('list-type') === '2'
  const [prefix, delimiter] = [query.get('prefix') ?? '', query.get('delimiter') ?? '']
  const max = maxKeys(query)
  const token = query.get('continuation-token')
  const after = (v2 ? (token === undefined ? query.get('start-after') : fromToken(token)) : query.get('marker')) ?? ''
  const page = pageOf(bucket, prefix, delimiter, after, max)
  const text = query.get('encoding-type') === 'url' ? encodeURIComponent : (value: string) => value
  const owner = { ID: accountId, DisplayName: accountId }
  const withOwner = !v2 || query.get('fetch-owner') === 'true'
  return toXml('ListBucketResult', {
    Name: bucket.name,
    Prefix: text(prefix),
    MaxKeys: max,
    Delimiter: text(delimiter),
    EncodingType: query.get('encoding-type'),
    IsTruncated: page.next !== null,
    ...(v2
      ? {
          KeyCount: page.objects.length + page.prefixes.length,
          StartAfter: text(query.get('start-after') ?? ''),
          ContinuationToken: token,
          NextContinuationToken: page.next === null ? undefined : toToken(page.next),
        }
      : { Marker: text(after), NextMarker: page.next === null ? undefined : text(page.next) }),
    Contents: page.objects.map(({ key, size, etag, lastModified, type }) => ({
      Key: text(key),
      LastModified: lastModified,
      ETag: `"${etag}"`,
      Type: type,
      Size: size,
      StorageClass: 'Standard',
      // ali-oss' list() fails on a v1 answer without an owner (fc-oss.md §7.3).
      Owner: withOwner ? owner : undefined,
    })),
    CommonPrefixes: page.prefixes.map((common) => ({ Prefix: text(common) })),
  })
}

const toToken = (key: string) => Buffer.from(key).toString('base64url')
const fromToken = (token: string) => Buffer.from(token, 'base64url').toString('utf8')

function maxKeys(query: ReadonlyMap<string, string>): number {
  const text = query.get('max-keys') ?? '100'
  const max = Number(text)
  if (!Number.isInteger(max) || max < 1 || max > 1000) throw invalidArgument(`max-keys must be 1 to 1000, got ${text}`)
  return max
}
