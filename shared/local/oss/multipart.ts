import { createHash } from 'node:crypto'
import { XMLParser } from 'fast-xml-parser'
import * as z from 'zod'
import { type Answer, xml } from './answer.ts'
import { type Bucket, checkMd5, describe, sumsOf } from './bucket.ts'
import { readSegments, writeSegment } from './object-files.ts'
import { invalidArgument, OssRefusal } from './refusal.ts'
import { type OssRequest, storedFacts } from './request.ts'
import type { Upload } from './uploads.ts'
import { type Change, sourceOf, wholeBody } from './write-object.ts'
import { toXml } from './xml.ts'

/** Every part but the last must have this many bytes (fc-oss.md §7.3). */
const minPartBytes = 100 * 1024

export async function initiate(bucket: Bucket, key: string, { headers }: OssRequest): Promise<Answer> {
  const { id } = await bucket.uploads.begin(key, storedFacts(headers))
  return xml(toXml('InitiateMultipartUploadResult', { Bucket: bucket.name, Key: key, UploadId: id }))
}

export async function uploadPart(
  bucket: Bucket,
  key: string,
  request: OssRequest,
  findBucket: (name: string) => Bucket,
): Promise<Answer> {
  const { query, headers } = request
  const id = query.get('uploadId') ?? ''
  const number = Number(query.get('partNumber'))
  if (!Number.isInteger(number) || number < 1 || number > 10_000) throw invalidArgument('partNumber must be 1 to 10000')
  bucket.uploads.get(id, key)
  const copied = headers['x-oss-copy-source'] !== undefined
  const written = await writeSegment(bucket.dir, copied ? copiedBytes(request, findBucket) : wholeBody(request))
  checkMd5(written.md5, headers['content-md5'] ?? null)
  const etag = written.md5.toString('hex').toUpperCase()
  await bucket.uploads.addPart(id, key, { number, segment: written.segment, etag, at: new Date().toISOString() })
  const sums = { etag: `"${etag}"`, 'x-oss-hash-crc64ecma': written.crc64 }
  if (copied) return xml(toXml('CopyPartResult', { LastModified: new Date().toISOString(), ETag: `"${etag}"` }), sums)
  return { status: 200, headers: { ...sums, 'content-length': 0 } }
}

function copiedBytes(request: OssRequest, findBucket: (name: string) => Bucket): AsyncIterable<Uint8Array> {
  const { bucket, object } = sourceOf(request, findBucket)
  const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers['x-oss-copy-source-range'] ?? '')
  const [start, end] = range === null ? [0, object.size] : [Number(range[1]), Number(range[2]) + 1]
  return readSegments(bucket.dir, object.segments, start, end)
}

const CompleteBody = z.object({
  CompleteMultipartUpload: z.object({ Part: z.array(z.object({ PartNumber: z.coerce.number(), ETag: z.string() })) }),
})

export async function complete(bucket: Bucket, key: string, request: OssRequest, body: Buffer): Promise<Change> {
  const upload = bucket.uploads.get(request.query.get('uploadId') ?? '', key)
  const chosen = chosenParts(upload, body)
  const segments = chosen.map(({ segment }) => segment)
  const { crc64 } = await sumsOf(bucket.dir, segments)
  const digest = createHash('md5')
    .update(Buffer.concat(chosen.map(({ etag }) => Buffer.from(etag, 'hex'))))
    .digest('hex')
  const etag = `${digest.toUpperCase()}-${chosen.length}`
  const before = bucket.find(key)?.size ?? 0
  const object = describe(key, segments, { etag, crc64, type: 'Multipart' }, upload)
  await bucket.publish(object, request.headers['x-oss-forbid-overwrite'] === 'true')
  await bucket.uploads.forget(upload.id)
  const fields = { Location: `/${bucket.name}/${key}`, Bucket: bucket.name, Key: key, ETag: `"${etag}"` }
  const headers = { etag: `"${etag}"`, 'x-oss-hash-crc64ecma': crc64 }
  const answer = xml(toXml('CompleteMultipartUploadResult', fields), headers)
  return { answer, name: 'ObjectCreated:CompleteMultipartUpload', object, deltaSize: object.size - before }
}

function chosenParts(upload: Upload, body: Buffer): Upload['parts'] {
  const parser = new XMLParser({ parseTagValue: false, isArray: (name) => name === 'Part' })
  const wanted = CompleteBody.safeParse(parser.parse(body))
  if (!wanted.success) throw new OssRefusal(400, 'MalformedXML', 'The XML you provided was not well-formed.')
  const list = wanted.data.CompleteMultipartUpload.Part
  const chosen = list.map(({ PartNumber, ETag }, index) => {
    const part = upload.parts.find(({ number }) => number === PartNumber)
    if (part === undefined || part.etag !== ETag.replaceAll(/&quot;|"/g, '').toUpperCase()) {
      throw new OssRefusal(400, 'InvalidPart', 'One or more of the specified parts could not be found.')
    }
    if (index > 0 && PartNumber <= (list[index - 1]?.PartNumber ?? 0)) {
      throw new OssRefusal(400, 'InvalidPartOrder', 'The list of parts was not in ascending order.')
    }
    return part
  })
  if (chosen.slice(0, -1).some(({ segment }) => segment.size < minPartBytes)) {
    throw new OssRefusal(400, 'EntityTooSmall', 'Your proposed upload is smaller than the minimum allowed size.')
  }
  return chosen
}

export async function abort(bucket: Bucket, key: string, { query }: OssRequest): Promise<Answer> {
  await bucket.uploads.abort(query.get('uploadId') ?? '', key)
  return { status: 204 }
}

export function listParts(bucket: Bucket, key: string, { query }: OssRequest): Answer {
  const upload = bucket.uploads.get(query.get('uploadId') ?? '', key)
  const max = Number(query.get('max-parts') ?? 1000)
  const after = Number(query.get('part-number-marker') ?? 0)
  const rest = upload.parts.filter(({ number }) => number > after)
  const shown = rest.slice(0, max)
  return xml(
    toXml('ListPartsResult', {
      Bucket: bucket.name,
      Key: key,
      UploadId: upload.id,
      MaxParts: max,
      PartNumberMarker: after,
      NextPartNumberMarker: shown.at(-1)?.number ?? 0,
      IsTruncated: rest.length > shown.length,
      Part: shown.map(({ number, etag, segment, at }) => ({
        PartNumber: number,
        ETag: `"${etag}"`,
        Size: segment.size,
        LastModified: at,
      })),
    }),
  )
}

export function listUploads(bucket: Bucket, { query }: OssRequest): Answer {
  const prefix = query.get('prefix') ?? ''
  const uploads = bucket.uploads.list().filter(({ key }) => key.startsWith(prefix))
  const shown = [...uploads].sort((a, b) => (a.key < b.key ? -1 : 1)).slice(0, Number(query.get('max-uploads') ?? 1000))
  return xml(
    toXml('ListMultipartUploadsResult', {
      Bucket: bucket.name,
      Prefix: prefix,
      IsTruncated: uploads.length > shown.length,
      NextKeyMarker: shown.at(-1)?.key ?? '',
      NextUploadIdMarker: shown.at(-1)?.id ?? '',
      MaxUploads: 1000,
      Upload: shown.map(({ key, id, startedAt }) => ({ Key: key, UploadId: id, Initiated: startedAt })),
    }),
  )
}
