import { TransferError } from '../errors/index.ts'
import type { ObjectStore } from '../ports/index.ts'

export interface WrittenChunk {
  readonly key: string
  readonly etag: string
  readonly bytes: number
  readonly records: number
}

const newline = 0x0a

export interface ChunkSizes {
  readonly targetBytes: number
  /** No record of the body is longer (codecs/long-records.ts). */
  readonly maxRecordBytes: number
}

/**
 * Cuts COPY text into objects of about `targetBytes`, each ending with a record: in that format a newline byte always
 * ends one. A chunk is held in memory until it is stored, so that a failed put can be repeated, and the next one lies in the
 * same memory: `targetBytes` plus the longest record.
 */
export async function* writeChunks(
  store: Pick<ObjectStore, 'put'>,
  body: AsyncIterable<Uint8Array>,
  options: ChunkSizes & { keyOf: (index: number) => string; signal: AbortSignal },
): AsyncIterable<WrittenChunk> {
  let index = 0
  for await (const chunk of cutAtNewlines(body, options)) {
    const key = options.keyOf(index)
    const { etag } = await store.put(key, chunk, { contentType: 'application/octet-stream', signal: options.signal })
    yield { key, etag, bytes: chunk.length, records: countNewlines(chunk) }
    index += 1
  }
}

/** Each chunk is valid until the next is asked for. What is not written to costs nothing, so no buffer ever grows. */
export async function* cutAtNewlines(
  body: AsyncIterable<Uint8Array>,
  { targetBytes, maxRecordBytes }: ChunkSizes,
): AsyncIterable<Buffer> {
  const held = Buffer.allocUnsafeSlow(targetBytes + maxRecordBytes)
  let heldBytes = 0
  const hold = (part: Buffer) => {
    if (heldBytes + part.length > held.length)
      throw new TransferError('internal/bug', `a record to be staged is longer than ${maxRecordBytes} bytes`)
    heldBytes += part.copy(held, heldBytes)
  }
  for await (const piece of body) {
    let rest = Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength)
    while (heldBytes + rest.length >= targetBytes) {
      const end = rest.indexOf(newline, Math.max(0, targetBytes - heldBytes - 1))
      if (end === -1) break
      hold(rest.subarray(0, end + 1))
      yield held.subarray(0, heldBytes)
      heldBytes = 0
      rest = rest.subarray(end + 1)
    }
    hold(rest)
  }
  if (heldBytes > 0) yield held.subarray(0, heldBytes)
}

export function countNewlines(bytes: Buffer): number {
  let count = 0
  for (let at = bytes.indexOf(newline); at !== -1; at = bytes.indexOf(newline, at + 1)) count += 1
  return count
}
