import { createHash, randomUUID } from 'node:crypto'
import type OSS from 'ali-oss'
import { TransferError } from '../errors/index.ts'
import type { PutOptions } from '../ports/index.ts'
import { bareEtag, type Headers, type OssClient } from './oss-client.ts'

/**
 * User metadata that names the attempt which wrote an object. Where an answer was lost, it is how a repeat that is refused
 * (`FileAlreadyExists`, `NoSuchUpload`) tells its own object from somebody else's.
 */
export const writeIdName = 'adbpg-sync-write'

export const makeWriteId = (): string => randomUUID()

/** The `meta` and headers of a put or of the start of an upload. */
export function writeOptions(options: Omit<PutOptions, 'ifAbsent'>, writeId: string | null) {
  const meta = { ...options.metadata, ...(writeId === null ? {} : { [writeIdName]: writeId }) }
  return { mime: options.contentType ?? 'application/octet-stream', meta: meta as unknown as OSS.UserMeta }
}

export const conditionHeaders = (ifAbsent: boolean | undefined): Record<string, string> =>
  ifAbsent === true ? { 'x-oss-forbid-overwrite': 'true' } : {}

/** Puts once. `writeId`: set for a put that may be refused by what it has itself written. */
export async function putOnce(
  client: OssClient,
  key: string,
  body: Uint8Array,
  options: PutOptions,
  writeId: string | null,
): Promise<{ etag: string }> {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength)
  const headers = conditionHeaders(options.ifAbsent)
  const { res } = await client.put(key, bytes, { headers, ...writeOptions(options, writeId) })
  return { etag: verifiedEtag(res.headers as Headers, bytes, key) }
}

/**
 * ali-oss checks nothing of the reply; a body that was damaged on its way would be found by nobody. An encrypted object's
 * ETag is not the digest of what was sent.
 */
export function verifiedEtag(headers: Headers, bytes: Buffer, key: string): string {
  const etag = bareEtag(headers.etag)
  const expected = createHash('md5').update(bytes).digest('hex').toUpperCase()
  if (etag !== expected && headers['x-oss-server-side-encryption'] === undefined)
    throw new TransferError('connect/lost', 'the stored object differs from what was sent', { key })
  return etag
}

/** The ETag of the object if the attempt `writeId` wrote it, else null. */
export async function etagIfWrittenBy(client: OssClient, key: string, writeId: string): Promise<string | null> {
  const { res } = await client.head(key)
  const headers = res.headers as Headers
  return headers[`x-oss-meta-${writeIdName}`] === writeId ? bareEtag(headers.etag) : null
}
