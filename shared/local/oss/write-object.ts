import { type Answer, xml } from './answer.ts'
import type { Bucket } from './bucket.ts'
import { readSegments, type StoredObject } from './object-files.ts'
import { invalidArgument, noSuchKey, OssRefusal } from './refusal.ts'
import { type OssRequest, storedFacts } from './request.ts'
import { toXml } from './xml.ts'

export interface Change {
  readonly answer: Answer
  readonly name: string
  readonly object: StoredObject
  readonly deltaSize: number
}

const forbids = (headers: Readonly<Record<string, string>>) => headers['x-oss-forbid-overwrite'] === 'true'

export async function putObject(bucket: Bucket, key: string, request: OssRequest): Promise<Change> {
  const { headers, message } = request
  const before = bucket.find(key)?.size ?? 0
  const rules = { forbidOverwrite: forbids(headers), contentMd5: headers['content-md5'] ?? null }
  const object = await bucket.put(key, wholeBody(request), storedFacts(headers), rules)
  if (!message.complete) throw new OssRefusal(400, 'RequestTimeout', 'The body ended early.')
  return { answer: stored(object), name: 'ObjectCreated:PutObject', object, deltaSize: object.size - before }
}

/** An aborted request ends its stream with an error, so the bytes of half a body never become an object. */
export async function* wholeBody({ message }: OssRequest): AsyncIterable<Uint8Array> {
  for await (const piece of message) yield piece
}

const stored = (object: StoredObject): Answer => ({
  status: 200,
  headers: { etag: `"${object.etag}"`, 'x-oss-hash-crc64ecma': object.crc64, 'content-length': 0 },
})

export async function copyObject(
  target: Bucket,
  key: string,
  request: OssRequest,
  findBucket: (name: string) => Bucket,
): Promise<Change> {
  const { headers } = request
  const { bucket: source, object: from } = sourceOf(request, findBucket)
  const facts = headers['x-oss-metadata-directive']?.toUpperCase() === 'REPLACE' ? storedFacts(headers) : from
  const before = target.find(key)?.size ?? 0
  const rules = { forbidOverwrite: forbids(headers), contentMd5: null }
  const object = await target.put(key, readSegments(source.dir, from.segments, 0, from.size), facts, rules)
  const body = toXml('CopyObjectResult', { LastModified: object.lastModified, ETag: `"${object.etag}"` })
  return { answer: xml(body), name: 'ObjectCreated:CopyObject', object, deltaSize: object.size - before }
}

export function sourceOf({ headers }: OssRequest, findBucket: (name: string) => Bucket) {
  const found = /^\/?([^/]+)\/(.+)$/.exec(decodeURIComponent(headers['x-oss-copy-source'] ?? ''))
  if (found === null) throw invalidArgument('x-oss-copy-source must be /bucket/key')
  const bucket = findBucket(found[1] ?? '')
  const object = bucket.find(found[2] ?? '')
  if (object === null) throw noSuchKey()
  return { bucket, object }
}

export async function appendObject(bucket: Bucket, key: string, request: OssRequest): Promise<Change> {
  const position = Number(request.query.get('position') ?? 'NaN')
  if (!Number.isInteger(position) || position < 0) throw invalidArgument('position must be a whole number')
  const object = await bucket.append(key, position, wholeBody(request), storedFacts(request.headers))
  const answer = stored(object)
  return {
    answer: { ...answer, headers: { ...answer.headers, 'x-oss-next-append-position': object.size } },
    name: 'ObjectCreated:AppendObject',
    object,
    deltaSize: object.size - position,
  }
}
