import type { Answer } from './answer.ts'
import type { Bucket } from './bucket.ts'
import { bucketRoute, listBuckets, type Place } from './bucket-routes.ts'
import type { Buckets } from './buckets.ts'
import { abort, complete, initiate, listParts, uploadPart } from './multipart.ts'
import type { Announce } from './object-changes.ts'
import { getObject, headObject } from './read-object.ts'
import { notImplemented, OssRefusal } from './refusal.ts'
import type { OssRequest } from './request.ts'
import { smallBody } from './small-body.ts'
import { appendObject, copyObject, putObject } from './write-object.ts'

/** Gives what announces changes under the event's name, which has no `oss:` before it (fc-oss.md §4.2). */
export type Announcer = (eventName: string, bucket: string) => Announce

export async function route(
  buckets: Buckets,
  request: OssRequest,
  place: Place,
  announcer: Announcer,
): Promise<Answer> {
  const { bucket: name, key } = request
  if (name === null) return listBuckets(buckets, place)
  if (key === null)
    return await bucketRoute(buckets, name, request, place, announcer('ObjectRemoved:DeleteObjects', name))
  const findBucket = (other: string) => buckets.get(other)
  return await objectRoute(findBucket, buckets.get(name), key, request, (event) => announcer(event, name))
}

const unsupportedOfObject = ['acl', 'symlink', 'tagging', 'restore', 'x-oss-process', 'callback', 'versionId', 'select']

async function objectRoute(
  findBucket: (name: string) => Bucket,
  bucket: Bucket,
  key: string,
  request: OssRequest,
  announcing: (eventName: string) => Announce,
): Promise<Answer> {
  const { method, query } = request
  for (const other of unsupportedOfObject) if (query.has(other)) throw notImplemented(other)
  const upload = query.has('uploadId')
  switch (method) {
    case 'GET':
      return upload ? listParts(bucket, key, request) : getObject(bucket, key, request)
    case 'HEAD':
      return headObject(bucket, key, request)
    case 'PUT':
      return await putRoute(findBucket, bucket, key, request, announcing)
    case 'POST':
      return await postRoute(bucket, key, request, announcing)
    case 'DELETE':
      if (upload) return await abort(bucket, key, request, announcing('ObjectRemoved:AbortMultipartUpload'))
      await bucket.delete(key, announcing('ObjectRemoved:DeleteObject'))
      return { status: 204 }
    default:
      throw new OssRefusal(405, 'MethodNotAllowed', 'The specified method is not allowed against this resource.')
  }
}

async function putRoute(
  findBucket: (name: string) => Bucket,
  bucket: Bucket,
  key: string,
  request: OssRequest,
  announcing: (eventName: string) => Announce,
): Promise<Answer> {
  const copied = request.headers['x-oss-copy-source'] !== undefined
  if (request.query.has('uploadId')) {
    const event = copied ? 'ObjectCreated:UploadPartCopy' : 'ObjectCreated:UploadPart'
    return await uploadPart(bucket, key, request, findBucket, announcing(event))
  }
  if (copied) return await copyObject(bucket, key, request, findBucket, announcing('ObjectCreated:CopyObject'))
  return await putObject(bucket, key, request, announcing('ObjectCreated:PutObject'))
}

async function postRoute(
  bucket: Bucket,
  key: string,
  request: OssRequest,
  announcing: (eventName: string) => Announce,
): Promise<Answer> {
  const { query } = request
  if (query.has('uploads'))
    return await initiate(bucket, key, request, announcing('ObjectCreated:InitiateMultipartUpload'))
  if (query.has('append')) return await appendObject(bucket, key, request, announcing('ObjectCreated:AppendObject'))
  if (query.has('uploadId')) {
    const event = 'ObjectCreated:CompleteMultipartUpload'
    return await complete(bucket, key, request, await smallBody(request), announcing(event))
  }
  throw notImplemented('POST of an object')
}
