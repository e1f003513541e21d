import { type Answer, xml } from './answer.ts'
import type { Bucket } from './bucket.ts'
import type { Announce } from './object-changes.ts'
import { readSegments, type StoredObject } from './object-files.ts'
import { invalidArgument, noSuchKey, OssRefusal } from './refusal.ts'
import { type OssRequest, storedFacts } from './request.ts'
import { toXml } from './xml.ts'

/** A single PUT or append takes 5 GB (fc-oss.md §7.4). */
const maxBodyBytes = 5 * 1024 ** 3

export const forbids = (headers: Readonly<Record<string, string>>) => headers['x-oss-forbid-overwrite'] === 'true'

export async function putObject(bucket: Bucket, key: string, request: OssRequest, announce: Announce): Promise<Answer> {
  const { headers } = request
  const rules = { forbidOverwrite: forbids(headers), contentMd5: headers['content-md5'] ?? null, announce }
  return stored(await bucket.put(key, wholeBody(request), storedFacts(headers), rules))
}

/**
 * An aborted request ends its stream with an error, so the bytes of half a body never become an object. Leaving early keeps
 * the connection: a refusal must reach the client that is still sending.
 */
export async function* wholeBody({ message, headers }: OssRequest): AsyncIterable<Uint8Array> {
  if (headers['content-length'] === undefined && headers['transfer-encoding'] === undefined) {
    throw new OssRefusal(411, 'MissingContentLength', 'You must provide the Content-Length HTTP header.')
  }
  let size = Number(headers['content-length'] ?? 0)
  if (size > maxBodyBytes) throw tooLarge()
  size = 0
  for await (const piece of message.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    size += piece.length
    if (size > maxBodyBytes) throw tooLarge()
    yield piece
  }
  if (!message.complete) throw new OssRefusal(400, 'RequestTimeout', 'The body ended early.')
}

const tooLarge = () =>
  new OssRefusal(400, 'EntityTooLarge', 'Your proposed upload exceeds the maximum allowed object size.')

const stored = (object: StoredObject): Answer => ({
  status: 200,
  headers: { etag: `"${object.etag}"`, 'x-oss-hash-crc64ecma': object.crc64, 'content-length': 0 },
})

export async function copyObject(
  target: Bucket,
  key: string,
  request: OssRequest,
  findBucket: (name: string) => Bucket,
  announce: Announce,
): Promise<Answer> {
  const { headers } = request
  const from = sourceOf(request, findBucket).object
  requireSource(from, headers)
  const facts = headers['x-oss-metadata-directive']?.toUpperCase() === 'REPLACE' ? storedFacts(headers) : from
  const rules = { forbidOverwrite: forbids(headers), contentMd5: null, announce }
  const object = await fromSource(request, findBucket, '', (bytes) => target.put(key, bytes, facts, rules))
  return xml(toXml('CopyObjectResult', { LastModified: object.lastModified, ETag: `"${object.etag}"` }), {
    etag: `"${object.etag}"`,
    'x-oss-hash-crc64ecma': object.crc64,
  })
}

/** Reads the bytes of the source of a copy; its version stays readable until `work` has ended. */
export async function fromSource<T>(
  request: OssRequest,
  findBucket: (name: string) => Bucket,
  rangeText: string,
  work: (bytes: AsyncIterable<Uint8Array>) => Promise<T>,
): Promise<T> {
  const { bucket, object } = sourceOf(request, findBucket)
  const range = /^bytes=(\d+)-(\d+)$/.exec(rangeText)
  const [start, end] = range === null ? [0, object.size] : [Number(range[1]), Number(range[2]) + 1]
  const letGo = bucket.hold(object)
  try {
    return await work(readSegments(bucket.dir, object.segments, start, end))
  } finally {
    await letGo()
  }
}

function sourceOf({ headers }: OssRequest, findBucket: (name: string) => Bucket) {
  const found = /^\/?([^/]+)\/(.+)$/s.exec(decoded(headers['x-oss-copy-source'] ?? ''))
  if (found === null) throw invalidArgument('x-oss-copy-source must be /bucket/key')
  const bucket = findBucket(found[1] ?? '')
  const object = bucket.find(found[2] ?? '')
  if (object === null) throw noSuchKey()
  return { bucket, object }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch (error) {
    throw invalidArgument(`x-oss-copy-source is not url-encoded: ${String(error)}`)
  }
}

function requireSource({ etag }: StoredObject, headers: Readonly<Record<string, string>>): void {
  const bare = (text: string | undefined) => text?.replaceAll('"', '').toUpperCase()
  const match = bare(headers['x-oss-copy-source-if-match'])
  if (match !== undefined && match !== etag) {
    throw new OssRefusal(412, 'PreconditionFailed', 'The source object has another ETag.')
  }
  if (bare(headers['x-oss-copy-source-if-none-match']) === etag) {
    throw new OssRefusal(304, 'NotModified', 'The source object has this ETag.')
  }
}

export async function appendObject(
  bucket: Bucket,
  key: string,
  request: OssRequest,
  announce: Announce,
): Promise<Answer> {
  const position = Number(request.query.get('position') ?? 'NaN')
  if (!Number.isInteger(position) || position < 0) throw invalidArgument('position must be a whole number')
  const rules = { contentMd5: request.headers['content-md5'] ?? null, announce }
  const object = await bucket.append(key, position, wholeBody(request), storedFacts(request.headers), rules)
  const answer = stored(object)
  return { ...answer, headers: { ...answer.headers, 'x-oss-next-append-position': object.size } }
}
