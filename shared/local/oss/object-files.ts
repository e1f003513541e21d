import { createHash, randomBytes } from 'node:crypto'
import { createReadStream, existsSync } from 'node:fs'
import { type FileHandle, mkdir, open, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import * as z from 'zod'
import { createDigests } from '../../codecs/digests.ts'

/** Bytes on disk. A part of an upload, an append or a whole put: never changed after it was written. */
export const Segment = z.object({ file: z.string(), size: z.number().int() })
export type Segment = z.infer<typeof Segment>

/** One version of an object. It lies in a file of its own, and renaming that file into place is what makes it visible. */
export const StoredObject = z.object({
  key: z.string(),
  segments: z.array(Segment),
  size: z.number().int(),
  /** Upper-case hex without quotes; `<hex>-<parts>` after a multipart upload. */
  etag: z.string(),
  crc64: z.string(),
  lastModified: z.string(),
  type: z.enum(['Normal', 'Multipart', 'Appendable']),
  contentType: z.string(),
  /** `x-oss-meta-*`, content-encoding and the like, as they were sent. */
  headers: z.record(z.string(), z.string()),
})
export type StoredObject = z.infer<typeof StoredObject>

export interface Written {
  readonly segment: Segment
  readonly md5: Buffer
  readonly crc64: string
}

/** Streams a body to disk at constant memory. An aborted request leaves no file. */
export async function writeSegment(bucketDir: string, body: AsyncIterable<Uint8Array>): Promise<Written> {
  const file = randomBytes(16).toString('hex')
  const path = segmentPath(bucketDir, file)
  const digests = createDigests()
  const measured = async function* () {
    for await (const piece of body) {
      digests.update(piece)
      yield piece
    }
  }
  await mkdir(dirname(path), { recursive: true })
  try {
    const size = await writeFlushed(path, measured())
    return { segment: { file, size }, ...digests.digest() }
  } catch (error) {
    await rm(path, { force: true })
    throw error
  }
}

/** A write of 64 kB, what Node reads of a socket, costs more than its bytes. */
const writtenAtOnce = 1024 * 1024

/** One write is under way while the next is gathered. @returns how many bytes were written */
async function writeFlushed(path: string, body: AsyncIterable<Uint8Array>): Promise<number> {
  await using handle = await open(path, 'wx')
  let size = 0
  let held: Uint8Array[] = []
  let heldBytes = 0
  let writing = Promise.resolve()
  const write = async () => {
    await writing
    writing = writeAll(handle, held, heldBytes)
    // Awaited before the next one, or at the end.
    writing.catch(() => undefined)
    held = []
    heldBytes = 0
  }
  try {
    for await (const piece of body) {
      held.push(piece)
      heldBytes += piece.length
      size += piece.length
      if (heldBytes >= writtenAtOnce) await write()
    }
    if (heldBytes > 0) await write()
  } finally {
    await writing
  }
  await handle.sync()
  return size
}

async function writeAll(handle: FileHandle, pieces: readonly Uint8Array[], bytes: number): Promise<void> {
  const { bytesWritten } = await handle.writev(pieces)
  // As when the disk is full: then the next write says so.
  if (bytesWritten < bytes) await handle.writeFile(Buffer.concat(pieces).subarray(bytesWritten))
}

/** The bytes `start` to `end` (exclusive) of segments in a row. */
export async function* readSegments(
  bucketDir: string,
  segments: readonly Segment[],
  start: number,
  end: number,
): AsyncIterable<Uint8Array> {
  let base = 0
  for (const { file, size } of segments) {
    const from = Math.max(start - base, 0)
    const to = Math.min(end - base, size)
    if (from < to)
      yield* createReadStream(segmentPath(bucketDir, file), { start: from, end: to - 1, highWaterMark: 512 * 1024 })
    base += size
  }
}

/** A piece of 512 kB is read while the one before it goes to the socket. */
const lentBytes = 512 * 1024

/**
 * The same bytes in two buffers that are used in turn: a piece is valid until the next but one is asked for. Pieces of
 * their own kept a quarter of the server's CPU busy collecting them.
 */
export async function* lendSegments(
  bucketDir: string,
  segments: readonly Segment[],
  start: number,
  end: number,
): AsyncIterable<Uint8Array> {
  const room = Math.min(lentBytes, Math.max(1, end - start))
  let [buffer, other] = [Buffer.allocUnsafe(room), Buffer.allocUnsafe(room)]
  let base = 0
  for (const { file, size } of segments) {
    const to = Math.min(end - base, size)
    let at = Math.max(start - base, 0)
    base += size
    if (at >= to) continue
    await using handle = await open(segmentPath(bucketDir, file))
    while (at < to) {
      const { bytesRead } = await handle.read(buffer, 0, Math.min(room, to - at), at)
      if (bytesRead === 0) throw new Error(`a file of the bucket ended at byte ${at}`)
      yield buffer.subarray(0, bytesRead)
      ;[buffer, other] = [other, buffer]
      at += bytesRead
    }
  }
}

export async function removeSegments(bucketDir: string, segments: readonly Segment[]): Promise<void> {
  for (const { file } of segments) await rm(segmentPath(bucketDir, file), { force: true })
}

/** The commit point of every change: a reader sees the old description or the new one. */
export async function writeDescription(bucketDir: string, object: StoredObject): Promise<void> {
  const path = descriptionPath(bucketDir, object.key)
  const draft = join(bucketDir, 'drafts', randomBytes(12).toString('hex'))
  await mkdir(dirname(path), { recursive: true })
  await mkdir(dirname(draft), { recursive: true })
  await writeFile(draft, JSON.stringify(object), { flush: true })
  await rename(draft, path)
}

export async function removeDescription(bucketDir: string, key: string): Promise<void> {
  await rm(descriptionPath(bucketDir, key), { force: true })
}

export async function* readDescriptions(bucketDir: string): AsyncIterable<StoredObject> {
  const root = join(bucketDir, 'objects')
  if (!existsSync(root)) return
  for (const shard of await readdir(root)) {
    for (const file of await readdir(join(root, shard))) {
      yield StoredObject.parse(JSON.parse(await readFile(join(root, shard, file), 'utf8')))
    }
  }
}

/** What a killed server left: segments that no description names, and drafts. */
export async function removeStray(bucketDir: string, known: ReadonlySet<string>): Promise<void> {
  await rm(join(bucketDir, 'drafts'), { recursive: true, force: true })
  const root = join(bucketDir, 'segments')
  if (!existsSync(root)) return
  for (const shard of await readdir(root)) {
    for (const file of await readdir(join(root, shard)))
      if (!known.has(file)) await rm(join(root, shard, file), { force: true })
  }
}

/** Keys hold any character, so names on disk are digests of them: no key can reach outside its bucket. */
function descriptionPath(bucketDir: string, key: string): string {
  const digest = createHash('sha256').update(key).digest('hex')
  return join(bucketDir, 'objects', digest.slice(0, 2), `${digest}.json`)
}

const segmentPath = (bucketDir: string, file: string) => join(bucketDir, 'segments', file.slice(0, 2), file)
