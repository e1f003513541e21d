import type { Log, ObjectHead, ObjectStore, OssConnection } from '../ports/index.ts'
import { nullIfMissing, type OssCalls, ossCalls } from './oss-calls.ts'
import { bareEtag, connectOss, type Headers, type OssClient, type OssCredentials } from './oss-client.ts'
import { asOssError } from './oss-errors.ts'
import { fitsXml, requireAddressable } from './oss-keys.ts'
import { makeWriteId, putOnce, writeIdName } from './oss-put.ts'
import { defaultIdleMs, readRange, readWhole } from './oss-read.ts'
import { countRequests, type OssRequests } from './oss-requests.ts'
import { completeUpload, formatUploadId, parseUploadId, prepareUpload, type UploadName } from './oss-upload.ts'

export interface OssStoreOptions {
  readonly credentials: OssCredentials
  readonly log: Log
  /** Where requests are counted; absent: nobody asks. */
  readonly requests?: OssRequests
  /** Silence in the middle of a body after which it is asked for again. */
  readonly idleMs?: number
}

/**
 * A bucket through `ali-oss`, with what the SDK leaves to its callers (fc-oss.md §7.4): repeats of failed calls, ranges that
 * must be answered as ranges, versions pinned by ETag, and digests checked.
 */
export async function openOssStore(connection: OssConnection, options: OssStoreOptions): Promise<ObjectStore> {
  const { bucket } = connection
  const { idleMs = defaultIdleMs } = options
  const client = await connectOss(connection, options.credentials)
  if (options.requests !== undefined) countRequests(client, options.requests)

  const { guarded, oursAfterAll, nullIfKeyMissing } = ossCalls(client, bucket)

  async function completeOurs(key: string, { ossId, writeId }: UploadName, ifAbsent: boolean, signal?: AbortSignal) {
    return await guarded(key, () => completeUpload(client, key, ossId, ifAbsent), signal).catch((error: unknown) =>
      oursAfterAll(key, writeId ?? '', error),
    )
  }

  const abort = async (key: string, { ossId }: UploadName) =>
    void (await guarded(key, () => client.abortMultipartUpload(key, ossId, {})).catch(nullIfMissing))

  const store: ObjectStore = {
    bucket,
    head: (key) => guarded(key, () => headOf(client, key)).catch(nullIfKeyMissing),
    list: (prefix) => listAll(client, prefix, (work) => guarded(null, work)),
    async *readRange(key, range) {
      requireAddressable(bucket, key)
      yield* readRange(client, key, range, idleMs, (error) => asOssError(error, { bucket, key }))
    },
    read: (key, maxBytes) =>
      guarded(key, () => readWhole(client, bucket, key, maxBytes, idleMs)).catch(nullIfKeyMissing),
    async put(key, body, putOptions = {}) {
      const writeId = putOptions.ifAbsent === true ? makeWriteId() : null
      const put = guarded(key, () => putOnce(client, key, body, putOptions, writeId), putOptions.signal)
      return writeId === null ? await put : await put.catch((error) => oursAfterAll(key, writeId, error))
    },
    async putStream(key, body, putOptions = {}) {
      const held = await gatherSmall(body)
      if ('whole' in held) {
        const { etag } = await store.put(key, held.whole, putOptions)
        return { etag, size: held.whole.length }
      }
      const { upload, size } = await prepareUpload(client, guarded, key, held.stream, putOptions)
      try {
        const { etag } = await completeOurs(key, upload, putOptions.ifAbsent === true, putOptions.signal)
        return { etag, size }
      } catch (error) {
        // As in `prepareUpload`: the error of the upload is the one to tell.
        await abort(key, upload).catch(() => undefined)
        throw error
      }
    },
    async prepareUpload(key, body, putOptions = {}) {
      const { upload, size } = await prepareUpload(client, guarded, key, body, putOptions)
      return { uploadId: formatUploadId(upload), size }
    },
    completeUpload: async (key, uploadId) => void (await completeOurs(key, parseUploadId(uploadId), false)),
    abortUpload: (key, uploadId) => abort(key, parseUploadId(uploadId)),
    remove: (keys) => removeAll(client, bucket, guarded, keys),
  }
  return store
}

async function removeAll(client: OssClient, bucket: string, guarded: OssCalls['guarded'], keys: readonly string[]) {
  for (const key of keys) requireAddressable(bucket, key)
  const inXml = keys.filter(fitsXml)
  for (let at = 0; at < inXml.length; at += 1000) {
    await guarded(null, () => client.deleteMulti(inXml.slice(at, at + 1000), { quiet: true }))
  }
  for (const key of keys) if (!fitsXml(key)) await guarded(key, () => client.delete(key))
}

async function headOf(client: OssClient, key: string): Promise<ObjectHead> {
  const { res, meta } = await client.head(key)
  const headers = res.headers as Headers
  const { [writeIdName]: _ours, ...metadata } = (meta ?? {}) as unknown as Record<string, string>
  return {
    key,
    etag: bareEtag(headers.etag),
    size: Number(headers['content-length']),
    lastModified: new Date(headers['last-modified'] ?? 0),
    metadata,
  }
}

/**
 * Keys come url-encoded, as XML cannot hold every character of a key. An empty prefix is left out: ali-oss signs it as
 * `prefix=`, a form that other SDKs do not send.
 */
async function* listAll(
  client: OssClient,
  prefix: string,
  guarded: <T>(work: () => Promise<T>) => Promise<T>,
): AsyncIterable<ObjectHead> {
  const query = { 'max-keys': '1000', 'encoding-type': 'url', ...(prefix === '' ? {} : { prefix }) }
  let token: string | undefined
  do {
    const from = token === undefined ? {} : { 'continuation-token': token }
    const page = await guarded(() => client.listV2({ ...query, ...from }, {}))
    for (const { name, etag, size, lastModified } of page.objects ?? []) {
      const key = decodeURIComponent(name)
      yield { key, etag: bareEtag(etag), size: Number(size), lastModified: new Date(lastModified), metadata: {} }
    }
    token = page.isTruncated ? page.nextContinuationToken : undefined
  } while (token !== undefined)
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

/** Not a generator: one that nobody began would not pass `return` on to the source. */
function rejoined(pieces: Uint8Array[], rest: AsyncIterator<Uint8Array>): AsyncIterable<Uint8Array> {
  const iterator: AsyncIterator<Uint8Array> = {
    async next() {
      const first = pieces.shift()
      return first === undefined ? await rest.next() : { done: false, value: first }
    },
    return: async () => (await rest.return?.()) ?? { done: true, value: undefined },
  }
  return { [Symbol.asyncIterator]: () => iterator }
}
