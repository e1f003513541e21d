import * as z from 'zod'
import { type Answer, xml } from './answer.ts'
import type { Bucket } from './bucket.ts'
import type { Buckets } from './buckets.ts'
import { listXml } from './listing.ts'
import { listUploads } from './multipart.ts'
import type { Announce } from './object-changes.ts'
import { parseXml } from './parse-xml.ts'
import { notImplemented, OssRefusal } from './refusal.ts'
import type { OssRequest } from './request.ts'
import { smallBody } from './small-body.ts'
import { toXml } from './xml.ts'

/** Who owns the buckets, and where they are said to be. */
export interface Place {
  readonly accountId: string
  /** `cn-hangzhou` */
  readonly region: string
}

const ownerOf = ({ accountId }: Place) => ({ ID: accountId, DisplayName: accountId })

export function listBuckets(buckets: Buckets, place: Place): Answer {
  const Location = `oss-${place.region}`
  const list = buckets
    .names()
    .map((Name) => ({ Name, Location, Region: place.region, CreationDate: epoch, StorageClass: 'Standard' }))
  return xml(toXml('ListAllMyBucketsResult', { Owner: ownerOf(place), Buckets: { Bucket: list } }))
}

/** Nobody asks when a local bucket was made. */
const epoch = '1970-01-01T00:00:00.000Z'

/** What GET of a bucket may carry and still mean a listing; anything else asks for a setting that we do not have. */
const listingParameters = new Set(
  `list-type prefix delimiter marker start-after continuation-token max-keys encoding-type fetch-owner
  Expires OSSAccessKeyId Signature security-token`.split(/\s+/),
)

export async function bucketRoute(
  buckets: Buckets,
  name: string,
  request: OssRequest,
  place: Place,
  announce: Announce,
): Promise<Answer> {
  const { method, query } = request
  if (method === 'PUT' && query.size === 0) {
    await buckets.create(name)
    return { status: 200, headers: { 'content-length': 0 } }
  }
  if (method === 'DELETE' && query.size === 0) {
    await buckets.delete(name)
    return { status: 204 }
  }
  const bucket = buckets.get(name)
  if (method === 'POST' && query.has('delete')) return await deleteMany(bucket, request, announce)
  if (method !== 'GET') throw notImplemented(`${method} on a bucket`)
  if (query.has('bucketInfo')) return bucketInfo(name, place)
  if (query.has('location')) return xml(toXml('LocationConstraint', `oss-${place.region}`))
  if (query.has('uploads')) return listUploads(bucket, request)
  for (const other of query.keys())
    if (!listingParameters.has(other) && !other.startsWith('x-oss-')) throw notImplemented(other)
  return xml(listXml(bucket, query, place.accountId))
}

function bucketInfo(name: string, place: Place): Answer {
  const Bucket = {
    Name: name,
    Location: `oss-${place.region}`,
    CreationDate: epoch,
    StorageClass: 'Standard',
    AccessControlList: { Grant: 'private' },
    Owner: ownerOf(place),
  }
  return xml(toXml('BucketInfo', { Bucket }))
}

const DeleteBody = z.object({
  Delete: z.object({ Quiet: z.string().optional(), Object: z.array(z.object({ Key: z.string() })).max(1000) }),
})

/** Deletions at once: each writes its event to disk first. */
const deletionsAtOnce = 32

async function deleteMany(bucket: Bucket, request: OssRequest, announce: Announce): Promise<Answer> {
  const wanted = DeleteBody.safeParse(parseXml(await smallBody(request), 'Object'))
  if (!wanted.success) throw new OssRefusal(400, 'MalformedXML', 'The XML you provided was not well-formed.')
  const keys = wanted.data.Delete.Object.map(({ Key }) => Key)
  for (let at = 0; at < keys.length; at += deletionsAtOnce)
    await Promise.all(keys.slice(at, at + deletionsAtOnce).map((key) => bucket.delete(key, announce)))
  const quiet = wanted.data.Delete.Quiet === 'true'
  const asked = request.query.get('encoding-type') ?? request.headers['encoding-type']
  const text = asked === 'url' ? encodeURIComponent : (key: string) => key
  return xml(toXml('DeleteResult', quiet ? {} : { Deleted: keys.map((key) => ({ Key: text(key) })) }))
}
