import type { RecordReason } from './record-error.ts'

/** One record of the stream: its bytes with the line end, its number (from 1) and byte offset in the source. */
export interface SourceRecord {
  readonly bytes: Uint8Array
  readonly number: number
  readonly offset: number
  /** Why it is dirty before any server has seen it; null for one that COPY is to decide on. */
  readonly refusal: RecordReason | null
}

/** The next records of a stream, read as far as asked and no further; memory is `maxBytes` and one batch. */
export class LookAhead<R extends SourceRecord> {
  readonly #batches: AsyncIterator<readonly R[]>
  readonly #maxBytes: number
  #held: R[] = []
  /** Index of the first record in `#held` that was not dropped; cutting the array each time would cost its length. */
  #head = 0
  #heldBytes = 0
  #ended = false

  constructor(batches: AsyncIterable<readonly R[]>, maxBytes: number) {
    this.#batches = batches[Symbol.asyncIterator]()
    this.#maxBytes = maxBytes
  }

  /** Up to `count` records of at most `maxBytes` together, but at least one; empty at the end of the stream. */
  async peek(count: number): Promise<readonly R[]> {
    while (!this.#ended && this.#held.length - this.#head < count && this.#heldBytes < this.#maxBytes) {
      const next = await this.#batches.next()
      if (next.done === true) this.#ended = true
      else this.#hold(next.value)
    }
    return this.#held.slice(this.#head, this.#head + this.#countWithin(count))
  }

  #hold(batch: readonly R[]): void {
    for (const record of batch) {
      this.#held.push(record)
      this.#heldBytes += record.bytes.length
    }
  }

  #countWithin(count: number): number {
    let bytes = 0
    let within = 0
    for (let at = this.#head; at < this.#held.length && within < count; at += 1) {
      bytes += this.#held[at]?.bytes.length ?? 0
      if (within > 0 && bytes > this.#maxBytes) break
      within += 1
    }
    return within
  }

  /** Forgets the first `count` records. */
  drop(count: number): void {
    const end = this.#head + count
    for (let at = this.#head; at < end; at += 1) this.#heldBytes -= this.#held[at]?.bytes.length ?? 0
    this.#head = end
    if (this.#head * 2 < this.#held.length) return
    this.#held = this.#held.slice(this.#head)
    this.#head = 0
  }
}

/** The bytes of records in order; neighbours in one buffer are handed on as one piece, without a copy. */
export async function* bytesOf(records: readonly SourceRecord[]): AsyncGenerator<Uint8Array> {
  let piece: Uint8Array | null = null
  for (const { bytes } of records) {
    const joined: Uint8Array | null = piece === null ? bytes : joinedWithin(piece, bytes)
    if (joined === null && piece !== null) yield piece
    piece = joined ?? bytes
  }
  if (piece !== null) yield piece
}

function joinedWithin(left: Uint8Array, right: Uint8Array): Uint8Array | null {
  const isNext = left.buffer === right.buffer && left.byteOffset + left.byteLength === right.byteOffset
  return isNext ? new Uint8Array(left.buffer, left.byteOffset, left.byteLength + right.byteLength) : null
}

const lineFeed = 0x0a
const carriageReturn = 0x0d

/** The record in which line `line` (from 1) of the bytes lies: a quoted line break counts as a line. null: in none. */
export function recordAtLine(records: readonly SourceRecord[], line: number): number | null {
  let lines = 0
  for (const [index, { bytes }] of records.entries()) {
    lines += Math.max(1, count(bytes, lineFeed) || count(bytes, carriageReturn))
    if (lines >= line) return index
  }
  return null
}

function count(bytes: Uint8Array, byte: number): number {
  let found = 0
  for (let at = bytes.indexOf(byte); at !== -1; at = bytes.indexOf(byte, at + 1)) found += 1
  return found
}
