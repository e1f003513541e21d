import type OSS from 'ali-oss'
import type { PutOptions } from '../ports/index.ts'
import type { Headers, OssClient } from './oss-client.ts'
import { bareEtag } from './oss-client.ts'
import { conditionHeaders, makeWriteId, verifyPart, writeOptions } from './oss-put.ts'
import { borrowParts, inParts, type Part } from './upload-parts.ts'

export type Guarded = <T>(key: string, work: () => Promise<T>, signal?: AbortSignal) => Promise<T>

/** 8 MiB: 10,000 parts make 80 GB, and two in flight with one that is filled stay far below the memory of the smallest function. */
const defaultPartBytes = 8 * 1024 * 1024
/** OSS refuses smaller parts, but for the last one. */
const minPartBytes = 100 * 1024
const partsInFlight = 2

/** What OSS calls the upload, and the attempt that began it (see `writeIdName`). */
export interface UploadName {
  readonly ossId: string
  readonly writeId: string | null
}

/** The one place that knows how the two become one id; an OSS id holds no tilde. */
export const formatUploadId = ({ ossId, writeId }: UploadName): string => `${ossId}~${writeId}`

export function parseUploadId(uploadId: string): UploadName {
  const [ossId = '', writeId] = uploadId.split('~')
  return { ossId, writeId: writeId ?? null }
}

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
): Promise<{ upload: UploadName; size: number }> {
  const writeId = makeWriteId()
  const pieces = body[Symbol.asyncIterator]()
  const begin = () => client.initMultipartUpload(key, writeOptions(options, writeId) as OSS.InitMultipartUploadOptions)
  try {
    const { uploadId: ossId } = await guarded(key, begin, options.signal)
    const upload = { ossId, writeId }
    return { upload, size: await uploadOrAbort(client, guarded, key, upload, pieces, options) }
  } catch (error) {
    // The source may hold a cursor open. It is told also where not one piece was taken.
    await pieces.return?.()
    throw error
  }
}

async function uploadOrAbort(
  client: OssClient,
  guarded: Guarded,
  key: string,
  { ossId }: UploadName,
  pieces: AsyncIterator<Uint8Array>,
  options: { partBytes?: number; signal?: AbortSignal },
): Promise<number> {
  try {
    return await uploadParts(client, guarded, key, ossId, pieces, options)
  } catch (error) {
    // The error of the upload is the one to tell; parts that stay behind are removed by the bucket's lifecycle rule.
    await guarded(key, () => client.abortMultipartUpload(key, ossId, {})).catch(() => undefined)
    throw error
  }
}

async function uploadParts(
  client: OssClient,
  guarded: Guarded,
  key: string,
  ossId: string,
  pieces: AsyncIterator<Uint8Array>,
  { partBytes = defaultPartBytes, signal }: { partBytes?: number; signal?: AbortSignal },
): Promise<number> {
  const underWay = new Set<Promise<unknown>>()
  const memory = borrowParts(Math.max(partBytes, minPartBytes))
  let size = 0
  let number = 0
  let failure: unknown = null
  try {
    for await (const part of inParts(pieces, memory.take)) {
      // The next part is filled while those before it are sent.
      while (underWay.size >= partsInFlight) await Promise.race(underWay)
      if (failure !== null) break
      number += 1
      size += part.bytes.length
      const mine = number
      const work: Promise<unknown> = guarded(key, () => uploadPart(client, key, ossId, mine, part), signal)
        .then(() => memory.giveBack(part.memory))
        .catch((error: unknown) => {
          failure ??= error
        })
        .finally(() => underWay.delete(work))
      underWay.add(work)
    }
  } finally {
    // An upload that is aborted while a part is on its way may keep that part.
    await Promise.all(underWay)
  }
  if (failure !== null) throw failure
  return size
}

async function uploadPart(client: OssClient, key: string, ossId: string, number: number, part: Part): Promise<void> {
  const { res } = await client.uploadPart(key, ossId, number, part.bytes, 0, part.bytes.length)
  verifyPart(res.headers as Headers, part, key)
}

/** The parts are asked of the server: whoever completes an upload need not be who made it. */
export async function completeUpload(
  client: OssClient,
  key: string,
  ossId: string,
  ifAbsent: boolean,
): Promise<{ etag: string }> {
  const parts: { number: number; etag: string }[] = []
  let marker = '0'
  for (;;) {
    const query = { 'max-parts': '1000', 'part-number-marker': marker } as unknown as OSS.ListPartsQuery
    const page = await client.listParts(key, ossId, query, {})
    const listed = Array.isArray(page.parts) ? page.parts : [page.parts]
    for (const part of listed) parts.push({ number: Number(part.PartNumber), etag: String(part.ETag) })
    if (String(page.isTruncated) !== 'true') break
    marker = String(page.nextPartNumberMarker)
  }
  const { etag } = await client.completeMultipartUpload(key, ossId, parts, {
    headers: conditionHeaders(ifAbsent),
  } as OSS.CompleteMultipartUploadOptions)
  return { etag: bareEtag(etag) }
}
