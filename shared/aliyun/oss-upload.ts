import type OSS from 'ali-oss'
import type { PutOptions } from '../ports/index.ts'
import { type OssClient, putHeaders } from './oss-store.ts'

type Guarded = <T>(key: string, work: () => Promise<T>, signal?: AbortSignal) => Promise<T>

/** 8 MiB: 10,000 parts make 80 GB, and two in flight stay far below the memory of the smallest function. */
const defaultPartBytes = 8 * 1024 * 1024
const partsInFlight = 2

/**
 * Uploads a stream as parts and leaves the upload open. A part is held in memory, so that a failed request can be
 * repeated; a failure of the source or of a part aborts the upload.
 */
export async function prepareUpload(
  client: OssClient,
  guarded: Guarded,
  key: string,
  body: AsyncIterable<Uint8Array>,
  options: Omit<PutOptions, 'ifAbsent'> & { partBytes?: number },
): Promise<{ uploadId: string; size: number }> {
  const { uploadId } = await guarded(key, () => begin(client, key, options), options.signal)
  try {
    return { uploadId, size: await uploadParts(client, guarded, key, uploadId, body, options) }
  } catch (error) {
    // The error of the upload is the one to tell; parts that stay behind are removed by the bucket's lifecycle rule.
    await guarded(key, () => client.abortMultipartUpload(key, uploadId, {})).catch(() => undefined)
    throw error
  }
}

async function begin(client: OssClient, key: string, { contentType, metadata }: Omit<PutOptions, 'ifAbsent'>) {
  return await client.initMultipartUpload(key, {
    mime: contentType ?? 'application/octet-stream',
    ...(metadata === undefined ? {} : { meta: metadata as unknown as OSS.UserMeta }),
  } as OSS.InitMultipartUploadOptions)
}

async function uploadParts(
  client: OssClient,
  guarded: Guarded,
  key: string,
  uploadId: string,
  body: AsyncIterable<Uint8Array>,
  { partBytes = defaultPartBytes, signal }: { partBytes?: number; signal?: AbortSignal },
): Promise<number> {
  const underWay = new Set<Promise<unknown>>()
  let size = 0
  let number = 0
  let failure: unknown = null
  for await (const part of inParts(body, partBytes)) {
    number += 1
    size += part.length
    const mine = number
    const send = () => client.uploadPart(key, uploadId, mine, part, 0, part.length)
    const work: Promise<unknown> = guarded(key, send, signal)
      .catch((error: unknown) => {
        failure ??= error
      })
      .finally(() => underWay.delete(work))
    underWay.add(work)
    if (underWay.size >= partsInFlight) await Promise.race(underWay)
    if (failure !== null) break
  }
  await Promise.all(underWay)
  if (failure !== null) throw failure
  return size
}

async function* inParts(body: AsyncIterable<Uint8Array>, partBytes: number): AsyncIterable<Buffer> {
  let held: Uint8Array[] = []
  let bytes = 0
  for await (const piece of body) {
    held.push(piece)
    bytes += piece.length
    if (bytes < partBytes) continue
    yield Buffer.concat(held)
    held = []
    bytes = 0
  }
  if (bytes > 0) yield Buffer.concat(held)
}

/** The parts are asked of the server: whoever completes an upload need not be who made it. */
export async function completeUpload(
  client: OssClient,
  key: string,
  uploadId: string,
  ifAbsent: boolean,
): Promise<{ etag: string }> {
  const parts: { number: number; etag: string }[] = []
  let marker = '0'
  for (;;) {
    const page = await client.listParts(
      key,
      uploadId,
      { 'max-parts': '1000', 'part-number-marker': marker } as unknown as OSS.ListPartsQuery,
      {},
    )
    const listed = Array.isArray(page.parts) ? page.parts : [page.parts]
    for (const part of listed) parts.push({ number: Number(part.PartNumber), etag: String(part.ETag) })
    if (String(page.isTruncated) !== 'true') break
    marker = String(page.nextPartNumberMarker)
  }
  const { etag } = await client.completeMultipartUpload(key, uploadId, parts, {
    headers: putHeaders({ ifAbsent }),
  } as OSS.CompleteMultipartUploadOptions)
  return { etag: etag.replaceAll('"', '').toUpperCase() }
}
