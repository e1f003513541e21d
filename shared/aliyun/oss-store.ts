import { createHash } from 'node:crypto'
import type OSS from 'ali-oss'
import { TransferError } from '../errors/index.ts'
import type { Log, ObjectHead, ObjectStore, OssConnection, PutOptions } from '../ports/index.ts'
import { asOssError } from './oss-errors.ts'
import { completeUpload, prepareUpload } from './oss-upload.ts'
import { retrying } from './retry.ts'

export interface OssStoreOptions {
  readonly credentials: () => Promise<{ accessKeyId: string; accessKeySecret: string; securityToken?: string }>
  readonly log: Log
}

/** What ali-oss has and its types leave out (fc-oss.md §7.1). */
export type OssClient = OSS & {
  deleteMulti(keys: string[], options: { quiet: boolean }): Promise<unknown>
  listV2(
    query: Record<string, string>,
    options: object,
  ): Promise<{
    objects?: { name: string; etag: string; size: number; lastModified: string }[]
    nextContinuationToken?: string
    isTruncated?: boolean
  }>
}

/**
 * A bucket through `ali-oss`, with what the SDK leaves to its callers (fc-oss.md §7.4): repeats of failed calls, ranges that
 * must be answered as ranges, versions pinned by ETag, and digests checked.
 */
export async function openOssStore(connection: OssConnection, options: OssStoreOptions): Promise<ObjectStore> {
  const { bucket } = connection
  const client = await connect(connection, options)
  const guarded = async <T>(key: string | null, work: () => Promise<T>, signal?: AbortSignal): Promise<T> => {
    const place = key === null ? { bucket } : { bucket, key }
    return await retrying(() => work().catch((error: unknown) => Promise.reject(asOssError(error, place))), signal)
  }
  const store: ObjectStore = {
    bucket,
    head: (key) => guarded(key, () => headOf(client, key)).catch(nullIfMissing),
    list: (prefix) => listAll(client, prefix, (work) => guarded(null, work)),
    readRange: (key, range) => readRange(client, key, range, (error) => asOssError(error, { bucket, key })),
    read: (key, maxBytes) => guarded(key, () => readWhole(client, bucket, key, maxBytes)).catch(nullIfMissing),
    put: (key, body, putOptions = {}) => guarded(key, () => putOnce(client, key, body, putOptions), putOptions.signal),
    async putStream(key, body, putOptions = {}) {
      const held = await gatherSmall(body)
      if ('whole' in held) {
        const { etag } = await store.put(key, held.whole, putOptions)
        return { etag, size: held.whole.length }
      }
      const upload = await prepareUpload(client, guarded, key, held.stream, putOptions)
      const { etag } = await guarded(key, () =>
        completeUpload(client, key, upload.uploadId, putOptions.ifAbsent === true),
      )
      return { etag, size: upload.size }
    },
    prepareUpload: (key, body, putOptions = {}) => prepareUpload(client, guarded, key, body, putOptions),
    async completeUpload(key, uploadId) {
      await guarded(key, () => completeUpload(client, key, uploadId, false)).catch((error: unknown) =>
        thereAlready(client, key, error),
      )
    },
    async abortUpload(key, uploadId) {
      await guarded(key, () => client.abortMultipartUpload(key, uploadId, {})).catch(nullIfMissing)
    },
    async remove(keys) {
      for (let at = 0; at < keys.length; at += 1000) {
        await guarded(null, () => client.deleteMulti([...keys.slice(at, at + 1000)], { quiet: true }))
      }
    },
  }
  return store
}

/** V4 signatures only, as new buckets refuse V1; an IP endpoint is addressed without `sldEnable` (fc-oss.md §7.2). */
async function connect(connection: OssConnection, { credentials }: OssStoreOptions): Promise<OssClient> {
  const { default: Oss } = await import('ali-oss')
  const { accessKeyId, accessKeySecret, securityToken } = await credentials()
  const refreshed = async () => {
    const next = await credentials()
    return { accessKeyId: next.accessKeyId, accessKeySecret: next.accessKeySecret, stsToken: next.securityToken ?? '' }
  }
  return new Oss({
    endpoint: connection.endpoint,
    region: connection.region.startsWith('oss-') ? connection.region : `oss-${connection.region}`,
    bucket: connection.bucket,
    accessKeyId,
    accessKeySecret,
    ...(securityToken === undefined
      ? {}
      : { stsToken: securityToken, refreshSTSToken: refreshed, refreshSTSTokenInterval: 300_000 }),
    authorizationV4: true,
    secure: connection.endpoint.startsWith('https:'),
    timeout: 60_000,
  } as OSS.Options) as OssClient
}

function nullIfMissing(error: unknown): null {
  if (error instanceof TransferError && error.code === 'source/object-missing') return null
  throw error
}

async function thereAlready(client: OssClient, key: string, error: unknown): Promise<void> {
  const missing = nullIfMissing(error)
  await client.head(key).catch((headError: unknown) => Promise.reject(asOssError(headError, { key, missing })))
}

const bareEtag = (etag: unknown) =>
  String(etag ?? '')
    .replaceAll('"', '')
    .toUpperCase()
type Headers = Readonly<Record<string, string | undefined>>

async function headOf(client: OssClient, key: string): Promise<ObjectHead> {
  const { res, meta } = await client.head(key)
  const headers = res.headers as Headers
  return {
    key,
    etag: bareEtag(headers.etag),
    size: Number(headers['content-length']),
    lastModified: new Date(headers['last-modified'] ?? 0),
    metadata: (meta ?? {}) as unknown as Record<string, string>,
  }
}

async function* listAll(
  client: OssClient,
  prefix: string,
  guarded: <T>(work: () => Promise<T>) => Promise<T>,
): AsyncIterable<ObjectHead> {
  let token: string | undefined
  do {
    const from = token
    const page = await guarded(() =>
      client.listV2({ prefix, 'max-keys': '1000', ...(from === undefined ? {} : { 'continuation-token': from }) }, {}),
    )
    for (const { name, etag, size, lastModified } of page.objects ?? []) {
      yield { key: name, etag: bareEtag(etag), size: Number(size), lastModified: new Date(lastModified), metadata: {} }
    }
    token = page.isTruncated ? page.nextContinuationToken : undefined
  } while (token !== undefined)
}

async function readWhole(
  client: OssClient,
  bucket: string,
  key: string,
  maxBytes: number,
): Promise<{ body: Buffer; etag: string }> {
  const { content, res } = await client.get(key)
  const body: Buffer = content
  if (body.length > maxBytes) {
    throw new TransferError(
      'event/too-large',
      `oss://${bucket}/${key} has ${body.length} bytes, at most ${maxBytes} are read`,
      { key },
    )
  }
  return { body, etag: bareEtag((res.headers as Headers).etag) }
}

async function putOnce(
  client: OssClient,
  key: string,
  body: Uint8Array,
  options: PutOptions,
): Promise<{ etag: string }> {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength)
  const { res } = await client.put(key, bytes, {
    headers: putHeaders(options),
    mime: options.contentType ?? 'application/octet-stream',
    ...(options.metadata === undefined ? {} : { meta: options.metadata as unknown as OSS.UserMeta }),
  })
  const etag = bareEtag((res.headers as Headers).etag)
  const expected = createHash('md5').update(bytes).digest('hex').toUpperCase()
  // ali-oss checks nothing of the reply; a body that was damaged on its way would be found by nobody.
  if (etag !== expected)
    throw new TransferError('connect/lost', 'the stored object differs from what was sent', { key })
  return { etag }
}

export const putHeaders = (options: Pick<PutOptions, 'ifAbsent'>): Record<string, string> =>
  options.ifAbsent === true ? { 'x-oss-forbid-overwrite': 'true' } : {}

const maxResumes = 5

/** Goes on from the last byte when the connection breaks, which is safe because the version is pinned. */
async function* readRange(
  client: OssClient,
  key: string,
  range: { start: number; end: number; etag: string; signal?: AbortSignal },
  asError: (error: unknown) => TransferError,
): AsyncIterable<Uint8Array> {
  let at = range.start
  for (let resumes = 0; at < range.end; ) {
    try {
      const { stream, res } = await retrying(
        () => openRange(client, key, { ...range, start: at }).catch((error: unknown) => Promise.reject(asError(error))),
        range.signal,
      )
      requireRange(res, key, at, range.end)
      for await (const piece of stream) {
        range.signal?.throwIfAborted()
        at += piece.length
        yield piece
      }
      if (at < range.end)
        throw new TransferError('connect/lost', `the body of ${key} ended ${range.end - at} bytes early`, { key })
    } catch (thrown) {
      if (range.signal?.aborted)
        throw new TransferError('platform/deadline', 'reading was stopped', { key }, { cause: thrown })
      const error = asError(thrown)
      resumes += 1
      if (error.code !== 'connect/lost' || resumes > maxResumes) throw error
    }
  }
}

interface RangeAnswer {
  readonly stream: AsyncIterable<Uint8Array>
  readonly res: { readonly status: number; readonly headers: object }
}

async function openRange(
  client: OssClient,
  key: string,
  range: { start: number; end: number; etag: string },
): Promise<RangeAnswer> {
  const headers = {
    Range: `bytes=${range.start}-${range.end - 1}`,
    'If-Match': `"${range.etag}"`,
    'x-oss-range-behavior': 'standard',
  }
  return (await client.getStream(key, { headers })) as RangeAnswer
}

/** A range that OSS does not like is answered by 200 and the whole object: taking that for the range loads rows twice. */
function requireRange(res: RangeAnswer['res'], key: string, start: number, end: number): void {
  const range = (res.headers as Headers)['content-range'] ?? ''
  if (res.status === 206 && range.startsWith(`bytes ${start}-${end - 1}/`)) return
  const message = `asked for bytes ${start} to ${end - 1} of ${key}, was answered ${res.status} ${range}`
  throw new TransferError('platform/unavailable', message, { key, status: res.status })
}

const smallBytes = 1024 * 1024

/** A body of less than one part is put at once: one request instead of three. */
async function gatherSmall(
  body: AsyncIterable<Uint8Array>,
): Promise<{ whole: Buffer } | { stream: AsyncIterable<Uint8Array> }> {
  const pieces: Uint8Array[] = []
  let bytes = 0
  const iterator = body[Symbol.asyncIterator]()
  for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) {
    pieces.push(next.value)
    bytes += next.value.length
    if (bytes > smallBytes) return { stream: rejoined(pieces, iterator) }
  }
  return { whole: Buffer.concat(pieces) }
}

async function* rejoined(pieces: readonly Uint8Array[], rest: AsyncIterator<Uint8Array>): AsyncIterable<Uint8Array> {
  yield* pieces
  yield* { [Symbol.asyncIterator]: () => rest }
}
