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

/**
 * Puts once. `writeId`: set for a put that may be refused by what it has itself written. OSS refuses a body that does not have
 * the digest that comes with it, before anybody sees the object.
 */
export async function putOnce(
  client: OssClient,
  key: string,
  body: Uint8Array,
  options: PutOptions,
  writeId: string | null,
): Promise<{ etag: string }> {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength)
  const md5 = createHash('md5').update(bytes).digest()
  const headers = { ...conditionHeaders(options.ifAbsent), 'Content-MD5': md5.toString('base64') }
  const { res } = await client.put(key, bytes, { headers, ...writeOptions(options, writeId) })
  const answer = res.headers as Headers
  if (!hasMd5(answer, md5)) throw differs(key)
  return { etag: bareEtag(answer.etag) }
}

/**
 * ali-oss checks nothing of the reply; a body that was damaged on its way would be found by nobody. The CRC costs a quarter of the
 * MD5, and holds for encrypted objects too.
 * @param crc64 of `bytes`
 */
export function verifyPart(headers: Headers, part: { bytes: Uint8Array; crc64: string }, key: string): void {
  const theirs = headers['x-oss-hash-crc64ecma']
  const isSame =
    theirs === undefined ? hasMd5(headers, createHash('md5').update(part.bytes).digest()) : theirs === part.crc64
  if (!isSame) throw differs(key)
}

/** An encrypted object's ETag is not the digest of what was sent. */
const hasMd5 = (headers: Headers, md5: Buffer) =>
  bareEtag(headers.etag) === md5.toString('hex').toUpperCase() || headers['x-oss-server-side-encryption'] !== undefined

const differs = (key: string) =>
  new TransferError('connect/lost', 'the stored object differs from what was sent', { key })

/** The ETag of the object if the attempt `writeId` wrote it, else null. */
export async function etagIfWrittenBy(client: OssClient, key: string, writeId: string): Promise<string | null> {
  const { res } = await client.head(key)
  const headers = res.headers as Headers
  return headers[`x-oss-meta-${writeIdName}`] === writeId ? bareEtag(headers.etag) : null
}
