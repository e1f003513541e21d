import { createHash } from 'node:crypto'
import * as z from 'zod'
import { type Answer, xml } from './answer.ts'
import { type Bucket, checkMd5, describe } from './bucket.ts'
import { combineCrc64 } from './crc64-combine.ts'
import type { Announce } from './object-changes.ts'
import { removeSegments, writeSegment } from './object-files.ts'
import { parseXml } from './parse-xml.ts'
import { alreadyExists, invalidArgument, OssRefusal } from './refusal.ts'
import { type OssRequest, storedFacts } from './request.ts'
import type { Upload } from './uploads.ts'
import { forbids, fromSource, wholeBody } from './write-object.ts'
import { toXml } from './xml.ts'

/** Every part but the last must have this many bytes (fc-oss.md §7.3). */
const minPartBytes = 100 * 1024

export async function initiate(
  bucket: Bucket,
  key: string,
  { headers }: OssRequest,
  announce: Announce,
): Promise<Answer> {
  const { id } = await bucket.uploads.begin(key, storedFacts(headers))
  await tell(announce, key, '', 0)
  return xml(toXml('InitiateMultipartUploadResult', { Bucket: bucket.name, Key: key, UploadId: id }))
}

export async function uploadPart(
  bucket: Bucket,
  key: string,
  request: OssRequest,
  findBucket: (name: string) => Bucket,
  announce: Announce,
): Promise<Answer> {
  const { query, headers } = request
  const id = query.get('uploadId') ?? ''
  const number = Number(query.get('partNumber'))
  if (!Number.isInteger(number) || number < 1 || number > 10_000) throw invalidArgument('partNumber must be 1 to 10000')
  bucket.uploads.get(id, key)
  const copied = headers['x-oss-copy-source'] !== undefined
  const range = headers['x-oss-copy-source-range'] ?? ''
  const { segment, md5, crc64 } = copied
    ? await fromSource(request, findBucket, range, (bytes) => writeSegment(bucket.dir, bytes))
    : await writeSegment(bucket.dir, wholeBody(request))
  await checkOrRemove(bucket, segment, () => checkMd5(md5, headers['content-md5'] ?? null))
  const etag = md5.toString('hex').toUpperCase()
  await bucket.uploads.addPart(id, key, { number, segment, etag, crc64, at: new Date().toISOString() })
  await tell(announce, key, etag, segment.size)
  const sums = { etag: `"${etag}"`, 'x-oss-hash-crc64ecma': crc64 }
  if (copied) return xml(toXml('CopyPartResult', { LastModified: new Date().toISOString(), ETag: `"${etag}"` }), sums)
  return { status: 200, headers: { ...sums, 'content-length': 0 } }
}

async function checkOrRemove(bucket: Bucket, segment: Upload['parts'][number]['segment'], check: () => void) {
  try {
    check()
  } catch (error) {
    await removeSegments(bucket.dir, [segment])
    throw error
  }
}

/** Events of an upload under way: nothing is lost with them, so they are told after the fact. */
async function tell(announce: Announce, key: string, etag: string, size: number): Promise<void> {
  const announcement = await announce({ key, etag, size }, 0)
  await announcement.confirm()
}

const CompleteBody = z.object({
  CompleteMultipartUpload: z.object({ Part: z.array(z.object({ PartNumber: z.coerce.number(), ETag: z.string() })) }),
})

export async function complete(
  bucket: Bucket,
  key: string,
  request: OssRequest,
  body: Buffer,
  announce: Announce,
): Promise<Answer> {
  const { etag, crc64 } = await bucket.uploads.complete(request.query.get('uploadId') ?? '', key, async (upload) => {
    if (forbids(request.headers) && bucket.find(key) !== null) throw alreadyExists()
    const object = assembled(upload, chosenParts(upload, body))
    await bucket.publish(object, { forbidOverwrite: forbids(request.headers), announce })
    return object
  })
  const fields = { Location: `/${bucket.name}/${key}`, Bucket: bucket.name, Key: key, ETag: `"${etag}"` }
  const headers = { etag: `"${etag}"`, 'x-oss-hash-crc64ecma': crc64 }
  return xml(toXml('CompleteMultipartUploadResult', fields), headers)
}

function assembled(upload: Upload, chosen: Upload['parts']) {
  const segments = chosen.map(({ segment }) => segment)
  const crc64 = chosen.reduce((sum, part) => combineCrc64(sum, part.crc64, part.segment.size), '0')
  const digest = createHash('md5')
    .update(Buffer.concat(chosen.map(({ etag }) => Buffer.from(etag, 'hex'))))
    .digest('hex')
  const etag = `${digest.toUpperCase()}-${chosen.length}`
  return describe(upload.key, segments, { etag, crc64, type: 'Multipart' }, upload)
}

function chosenParts(upload: Upload, body: Buffer): Upload['parts'] {
  const wanted = CompleteBody.safeParse(parseXml(body, 'Part'))
  if (!wanted.success) throw new OssRefusal(400, 'MalformedXML', 'The XML you provided was not well-formed.')
  const list = wanted.data.CompleteMultipartUpload.Part
  const chosen = list.map(({ PartNumber, ETag }, index) => {
    const part = upload.parts.find(({ number }) => number === PartNumber)
    if (part === undefined || part.etag !== ETag.replaceAll('"', '').trim().toUpperCase()) {
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

export async function abort(bucket: Bucket, key: string, { query }: OssRequest, announce: Announce): Promise<Answer> {
  await bucket.uploads.abort(query.get('uploadId') ?? '', key)
  await tell(announce, key, '', 0)
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
  const max = Number(query.get('max-uploads') ?? 1000)
  const [keyMarker, idMarker] = [query.get('key-marker') ?? '', query.get('upload-id-marker') ?? '']
  const rest = bucket.uploads
    .list()
    .filter(({ key, id }) => key.startsWith(prefix) && isBehind({ key, id }, keyMarker, idMarker))
    .sort((a, b) => compareBytes(a.key, b.key) || compareBytes(a.id, b.id))
  const shown = rest.slice(0, max)
  return xml(
    toXml('ListMultipartUploadsResult', {
      Bucket: bucket.name,
      Prefix: prefix,
      KeyMarker: keyMarker,
      UploadIdMarker: idMarker,
      IsTruncated: rest.length > shown.length,
      NextKeyMarker: shown.at(-1)?.key ?? '',
      NextUploadIdMarker: shown.at(-1)?.id ?? '',
      MaxUploads: max,
      Upload: shown.map(({ key, id, startedAt }) => ({ Key: key, UploadId: id, Initiated: startedAt })),
    }),
  )
}

const compareBytes = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b))

/** Without an id the marker is a key, and its own uploads are behind us too. */
function isBehind(upload: { key: string; id: string }, keyMarker: string, idMarker: string): boolean {
  const order = compareBytes(upload.key, keyMarker)
  return order > 0 || (order === 0 && idMarker !== '' && compareBytes(upload.id, idMarker) > 0)
}
