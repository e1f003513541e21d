import { createHash } from 'node:crypto'
import { XMLParser } from 'fast-xml-parser'
import * as z from 'zod'
import { type Answer, xml } from './answer.ts'
import type { Bucket } from './bucket.ts'
import type { Buckets } from './buckets.ts'
import { listXml } from './listing.ts'
import { abort, complete, initiate, listParts, listUploads, uploadPart } from './multipart.ts'
import type { Happening } from './notification.ts'
import { getObject, headObject } from './read-object.ts'
import { notImplemented, OssRefusal } from './refusal.ts'
import type { OssRequest } from './request.ts'
import { appendObject, type Change, copyObject, putObject } from './write-object.ts'
import { toXml } from './xml.ts'

export type Happened = Happening

export interface Routed {
  readonly answer: Answer
  /** What triggers may wait for; null when nothing changed. */
  readonly happened: Happened | null
}

const unseen = (answer: Answer): Routed => ({ answer, happened: null })

export async function route(buckets: Buckets, request: OssRequest, accountId: string): Promise<Routed> {
  if (request.bucket === null) return unseen(listBuckets(buckets, accountId))
  if (request.key === null) return await bucketRoute(buckets, request.bucket, request, accountId)
  return await objectRoute(buckets, buckets.get(request.bucket), request.key, request)
}

function listBuckets(buckets: Buckets, accountId: string): Answer {
  const list = buckets.names().map((Name) => ({ Name, Location: 'local', StorageClass: 'Standard' }))
  return xml(
    toXml('ListAllMyBucketsResult', { Owner: { ID: accountId, DisplayName: accountId }, Buckets: { Bucket: list } }),
  )
}

async function bucketRoute(buckets: Buckets, name: string, request: OssRequest, accountId: string): Promise<Routed> {
  const { method, query } = request
  if (method === 'PUT' && query.size === 0) {
    await buckets.create(name)
    return unseen({ status: 200, headers: { 'content-length': 0 } })
  }
  if (method === 'DELETE' && query.size === 0) {
    await buckets.delete(name)
    return unseen({ status: 204 })
  }
  const bucket = buckets.get(name)
  if (method === 'POST' && query.has('delete')) return await deleteMany(bucket, request)
  if (method !== 'GET') throw notImplemented(`${method} on a bucket`)
  if (query.has('bucketInfo')) return unseen(bucketInfo(name, accountId))
  if (query.has('uploads')) return unseen(listUploads(bucket, request))
  for (const other of unsupportedOfBucket) if (query.has(other)) throw notImplemented(other)
  return unseen(xml(listXml(bucket, query, accountId)))
}

const unsupportedOfBucket = [
  'acl',
  'cors',
  'lifecycle',
  'logging',
  'policy',
  'referer',
  'tagging',
  'versioning',
  'website',
]

function bucketInfo(name: string, accountId: string): Answer {
  const Owner = { ID: accountId, DisplayName: accountId }
  return xml(
    toXml('BucketInfo', {
      Bucket: { Name: name, StorageClass: 'Standard', AccessControlList: { Grant: 'private' }, Owner },
    }),
  )
}

async function objectRoute(buckets: Buckets, bucket: Bucket, key: string, request: OssRequest): Promise<Routed> {
  const { method, query, headers } = request
  const findBucket = (name: string) => buckets.get(name)
  for (const other of ['acl', 'symlink', 'tagging', 'restore', 'x-oss-process'])
    if (query.has(other)) throw notImplemented(other)
  const upload = query.has('uploadId')
  switch (method) {
    case 'GET':
      return unseen(upload ? listParts(bucket, key, request) : getObject(bucket, key, request))
    case 'HEAD':
      return unseen(headObject(bucket, key, request))
    case 'PUT':
      if (upload) return unseen(await uploadPart(bucket, key, request, findBucket))
      if (headers['x-oss-copy-source'] !== undefined)
        return changed(bucket, await copyObject(bucket, key, request, findBucket))
      return changed(bucket, await putObject(bucket, key, request))
    case 'POST':
      if (query.has('uploads')) return unseen(await initiate(bucket, key, request))
      if (query.has('append')) return changed(bucket, await appendObject(bucket, key, request))
      if (upload) return changed(bucket, await complete(bucket, key, request, await smallBody(request)))
      throw notImplemented('POST of an object')
    case 'DELETE':
      return upload ? unseen(await abort(bucket, key, request)) : await deleteOne(bucket, key)
    default:
      throw new OssRefusal(405, 'MethodNotAllowed', 'The specified method is not allowed against this resource.')
  }
}

function changed(bucket: Bucket, { answer, name, object, deltaSize }: Change): Routed {
  const { key, etag, size } = object
  return { answer, happened: { name, bucket: bucket.name, objects: [{ key, etag, size, deltaSize }] } }
}

async function deleteOne(bucket: Bucket, key: string): Promise<Routed> {
  const old = bucket.find(key)
  const wasThere = await bucket.delete(key)
  return {
    answer: { status: 204 },
    happened: removed(bucket, 'ObjectRemoved:DeleteObject', wasThere && old !== null ? [old] : []),
  }
}

function removed(
  bucket: Bucket,
  name: string,
  objects: readonly { key: string; etag: string; size: number }[],
): Happened | null {
  if (objects.length === 0) return null
  return {
    name,
    bucket: bucket.name,
    objects: objects.map(({ key, etag, size }) => ({ key, etag, size: 0, deltaSize: -size })),
  }
}

const DeleteBody = z.object({
  Delete: z.object({ Quiet: z.string().optional(), Object: z.array(z.object({ Key: z.string() })).max(1000) }),
})

async function deleteMany(bucket: Bucket, request: OssRequest): Promise<Routed> {
  const parser = new XMLParser({ parseTagValue: false, trimValues: false, isArray: (name) => name === 'Object' })
  const wanted = DeleteBody.safeParse(parser.parse(await smallBody(request)))
  if (!wanted.success) throw new OssRefusal(400, 'MalformedXML', 'The XML you provided was not well-formed.')
  const gone: { key: string; etag: string; size: number }[] = []
  for (const { Key } of wanted.data.Delete.Object) {
    const old = bucket.find(Key)
    if ((await bucket.delete(Key)) && old !== null) gone.push(old)
  }
  const quiet = wanted.data.Delete.Quiet === 'true'
  const body = toXml('DeleteResult', quiet ? {} : { Deleted: wanted.data.Delete.Object.map(({ Key }) => ({ Key })) })
  return { answer: xml(body), happened: removed(bucket, 'ObjectRemoved:DeleteObjects', gone) }
}

const maxSmallBody = 2 * 1024 * 1024

async function smallBody({ message, headers }: OssRequest): Promise<Buffer> {
  const pieces: Buffer[] = []
  let size = 0
  for await (const piece of message as AsyncIterable<Buffer>) {
    size += piece.length
    if (size > maxSmallBody)
      throw new OssRefusal(400, 'EntityTooLarge', 'Your proposed upload exceeds the maximum allowed size.')
    pieces.push(piece)
  }
  const body = Buffer.concat(pieces)
  const claimed = headers['content-md5']
  if (claimed !== undefined && claimed !== createHash('md5').update(body).digest('base64')) {
    throw new OssRefusal(400, 'InvalidDigest', 'The Content-MD5 you specified did not match what we received.')
  }
  return body
}
