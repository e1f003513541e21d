/** From 256 kB on COPY and what comes behind it cost the same for each byte (perf.md §2b); two of them stay in the cache of a core. */
const bufferBytes = 256 * 1024
/** What one read takes of a socket; with less room left, a buffer is full. */
const readBytes = 64 * 1024

export interface GatheredPieces {
  /** Where bytes that are added next had best lie already; null while both buffers are full. */
  room(): Buffer | null
  /** @returns false: nothing more is to be added until `resume` was called */
  add(bytes: Buffer): boolean
  /** What was added before is still given. */
  end(error: unknown): void
  /** Each is valid until the next is asked for. */
  pieces(): AsyncGenerator<Buffer>
}

/** Two buffers that take turns: one is filled while the reader has the other. */
export function gatherPieces(resume: () => void): GatheredPieces {
  let filling = Buffer.allocUnsafeSlow(bufferBytes)
  let other = Buffer.allocUnsafeSlow(bufferBytes)
  let filled = 0
  let ended: { readonly error: unknown } | null = null
  let wake = () => {}
  const isFull = () => filling.length - filled < readBytes

  function makeRoom(bytes: number): void {
    if (filled + bytes <= filling.length) return
    // Who does not stop when told to, as one that reads behind TLS may not.
    filling = Buffer.concat([filling.subarray(0, filled)], 2 * (filled + bytes))
  }

  async function* pieces(): AsyncGenerator<Buffer> {
    for (;;) {
      if (!isFull() && ended === null) {
        await new Promise<void>((resolve) => (wake = resolve))
        continue
      }
      if (filled === 0) break
      const piece = filling.subarray(0, filled)
      ;[filling, other] = [other, filling]
      filled = 0
      if (ended === null) resume()
      yield piece
    }
    if (ended?.error != null) throw ended.error
  }

  return {
    room: () => (isFull() ? null : filling.subarray(filled)),
    add(bytes) {
      makeRoom(bytes.length)
      const isThere = bytes.buffer === filling.buffer && bytes.byteOffset === filling.byteOffset + filled
      if (!isThere) filling.set(bytes, filled)
      filled += bytes.length
      if (isFull()) wake()
      return !isFull()
    },
    end(error) {
      ended ??= { error }
      wake()
    },
    pieces,
  }
}
