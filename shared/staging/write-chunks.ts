import type { ObjectStore } from '../ports/index.ts'

export interface WrittenChunk {
  readonly key: string
  readonly etag: string
  readonly bytes: number
  readonly records: number
}

const newline = 0x0a

/**
 * Cuts COPY text into objects of about `targetBytes`, each ending with a record: in that format a newline byte always
 * ends one. A chunk is held in memory until it is whole, so that a failed put can be repeated; memory is therefore
 * `targetBytes` plus one record, whose length is bounded before (codecs/long-records.ts).
 */
export async function* writeChunks(
  store: ObjectStore,
  body: AsyncIterable<Uint8Array>,
  options: { keyOf: (index: number) => string; targetBytes: number; signal: AbortSignal },
): AsyncIterable<WrittenChunk> {
  let index = 0
  for await (const chunk of cutAtNewlines(body, options.targetBytes)) {
    const key = options.keyOf(index)
    const { etag } = await store.put(key, chunk, { contentType: 'application/octet-stream', signal: options.signal })
    yield { key, etag, bytes: chunk.length, records: countNewlines(chunk) }
    index += 1
  }
}

export async function* cutAtNewlines(body: AsyncIterable<Uint8Array>, targetBytes: number): AsyncIterable<Buffer> {
  let held: Buffer[] = []
  let heldBytes = 0
  for await (const piece of body) {
    let rest = Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength)
    while (heldBytes + rest.length >= targetBytes) {
      const end = rest.indexOf(newline, Math.max(0, targetBytes - heldBytes - 1))
      if (end === -1) break
      held.push(rest.subarray(0, end + 1))
      yield Buffer.concat(held)
      held = []
      heldBytes = 0
      rest = rest.subarray(end + 1)
    }
    if (rest.length > 0) held.push(rest)
    heldBytes += rest.length
  }
  if (heldBytes > 0) yield Buffer.concat(held)
}

export function countNewlines(bytes: Buffer): number {
  let count = 0
  for (let at = bytes.indexOf(newline); at !== -1; at = bytes.indexOf(newline, at + 1)) count += 1
  return count
}
