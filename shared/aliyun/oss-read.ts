import { TransferError } from '../errors/index.ts'
import { type Destroyable, lentBody } from './lent-body.ts'
import { bareEtag, type Headers, type OssClient } from './oss-client.ts'
import { retrying } from './retry.ts'

export interface OssRange {
  readonly start: number
  readonly end: number
  readonly etag: string
  readonly signal?: AbortSignal
  /** Each piece is valid until the next is asked for. */
  readonly lent?: boolean
}

/** A connection of its own, and signing for it, are worth it from here on. */
const leastLentBytes = 1024 * 1024

/** How often one range goes on after a broken connection before the platform's queue repeats the whole step. */
const maxResumes = 5
/** What counts as getting on: after so many bytes the count begins again, as a long range may well break often. */
const progressBytes = 1024 * 1024

/** ali-oss' own timeout ends with the headers (fc-oss.md §7.4): a body that stands still is taken for a broken one. */
export const defaultIdleMs = 30_000

/** Goes on from the last byte when the connection breaks, which is safe because the version is pinned. */
export async function* readRange(
  client: OssClient,
  key: string,
  range: OssRange,
  idleMs: number,
  asError: (error: unknown) => TransferError,
): AsyncIterable<Uint8Array> {
  let at = range.start
  for (let resumes = 0; at < range.end; ) {
    const from = at
    try {
      const open = () => openRange(client, key, { ...range, start: at })
      const stream = await retrying(() => open().catch((error) => Promise.reject(asError(error))), range.signal)
      for await (const piece of watched(stream, idleMs, range.signal)) {
        at += piece.length
        yield piece
      }
      if (at < range.end)
        throw new TransferError('connect/lost', `the body of ${key} ended ${range.end - at} bytes early`, { key })
    } catch (thrown) {
      if (range.signal?.aborted)
        throw new TransferError('platform/deadline', 'reading was stopped', { key }, { cause: thrown })
      const error = asError(thrown)
      resumes = at - from >= progressBytes ? 1 : resumes + 1
      if (error.code !== 'connect/lost' || resumes > maxResumes) throw error
    }
  }
}

type Pieces = AsyncIterable<Buffer> & Destroyable

async function openRange(client: OssClient, key: string, { start, end, etag, lent }: OssRange): Promise<Pieces> {
  const headers = {
    Range: `bytes=${start}-${end - 1}`,
    'If-Match': `"${etag}"`,
    'x-oss-range-behavior': 'standard',
  }
  const how = lent === true && end - start >= leastLentBytes ? { headers, ctx: lentBody } : { headers }
  const { stream, res } = (await client.getStream(key, how)) as Answer
  try {
    requireRange(res, key, start, end)
  } catch (error) {
    stream.destroy()
    throw error
  }
  return stream
}

interface Answer {
  readonly stream: Pieces
  readonly res: { readonly status: number; readonly headers: object }
}

/** A range that OSS does not like is answered by 200 and the whole object: taking that for the range loads rows twice. */
function requireRange(res: Answer['res'], key: string, start: number, end: number): void {
  const range = (res.headers as Headers)['content-range'] ?? ''
  if (res.status === 206 && range.startsWith(`bytes ${start}-${end - 1}/`)) return
  const message = `asked for bytes ${start} to ${end - 1} of ${key}, was answered ${res.status} ${range}`
  throw new TransferError('platform/unavailable', message, { key, status: res.status })
}

/** The pieces of a body, cut off by the signal or by standing still; leaving the loop hangs up. */
async function* watched(stream: Pieces, idleMs: number, signal?: AbortSignal): AsyncIterable<Buffer> {
  const stop = () => stream.destroy(new Error('stopped'))
  const watch = () => setTimeout(() => stream.destroy(stoodStill(idleMs)), idleMs)
  let timer = watch()
  signal?.addEventListener('abort', stop, { once: true })
  try {
    signal?.throwIfAborted()
    for await (const piece of stream) {
      // Only the server's silence counts, not the time that a slow consumer takes.
      clearTimeout(timer)
      yield piece
      timer = watch()
      signal?.throwIfAborted()
    }
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', stop)
  }
}

const stoodStill = (idleMs: number) => new TransferError('connect/lost', `the body stood still for ${idleMs} ms`)

/** A small object whole: not more than `maxBytes` are ever held. @throws event/too-large */
export async function readWhole(
  client: OssClient,
  bucket: string,
  key: string,
  maxBytes: number,
  idleMs: number,
): Promise<{ body: Buffer; etag: string }> {
  const { stream, res } = (await client.getStream(key)) as Answer
  const { etag, 'content-length': length } = res.headers as Headers
  const pieces: Buffer[] = []
  let bytes = 0
  try {
    if (Number(length) > maxBytes) throw tooLarge(bucket, key, Number(length), maxBytes)
    for await (const piece of watched(stream, idleMs)) {
      bytes += piece.length
      if (bytes > maxBytes) throw tooLarge(bucket, key, bytes, maxBytes)
      pieces.push(piece)
    }
  } finally {
    stream.destroy()
  }
  if (length !== undefined && bytes !== Number(length))
    throw new TransferError('connect/lost', `the body of ${key} ended ${Number(length) - bytes} bytes early`, { key })
  return { body: Buffer.concat(pieces), etag: bareEtag(etag) }
}

const tooLarge = (bucket: string, key: string, bytes: number, maxBytes: number) =>
  new TransferError('event/too-large', `oss://${bucket}/${key} has ${bytes} bytes, at most ${maxBytes} are read`, {
    key,
  })
