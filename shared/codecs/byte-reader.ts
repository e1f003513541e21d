/** A body in steps of a known size. */
export interface ByteReader {
  /** Exactly so many bytes; fewer when the body ends before. */
  take(count: number): Promise<Buffer>
}

/** Bytes within one piece are not copied. */
export function byteReader(source: AsyncIterable<Uint8Array>): ByteReader & AsyncDisposable {
  const pieces = source[Symbol.asyncIterator]()
  let held = Buffer.alloc(0)
  return {
    async take(count) {
      const parts: Buffer[] = []
      let missing = count
      while (missing > 0) {
        if (held.length === 0) {
          const { done, value } = await pieces.next()
          if (done === true) break
          held = Buffer.from(value.buffer as ArrayBuffer, value.byteOffset, value.byteLength)
        }
        const part = held.subarray(0, missing)
        held = held.subarray(part.length)
        missing -= part.length
        parts.push(part)
      }
      const [only] = parts
      return only !== undefined && parts.length === 1 ? only : Buffer.concat(parts)
    },
    async [Symbol.asyncDispose]() {
      await pieces.return?.()
    },
  }
}
