import type { TransferError } from '../errors/index.ts'
import type { Encoding } from './encoding.ts'
import { createRecordScanner } from './record-ends.ts'
import { unclosedQuote } from './unclosed-quote.ts'

/** Whole records, to be staged as one object. */
export interface RecordChunk {
  /** Valid until the second chunk after this one is asked for, as two buffers take turns; of `nextBuffer` for good. */
  readonly bytes: Buffer
  readonly records: number
  /** A record may be what COPY takes for the end of its data; where not, none is. */
  readonly mayHoldEndMarker: boolean
  /** Bytes of the body that went into it: more than it holds where a record that is too large was cut off. */
  readonly sourceBytes: number
  /** The body is at its end. Of one that ends where a chunk is full, no chunk is known to be the last. */
  readonly isLast: boolean
}

export interface ChunkOptions {
  readonly encoding: Encoding
  readonly newline: number
  /** No chunk is larger, unless one record alone is. */
  readonly targetBytes: number
  /** As `targetBytes`, of the first chunk alone: so much sooner is it there. Unset: as of the others. */
  readonly firstBytes?: number
  /** Of a record that is longer, one byte more than this is kept: enough for a loader to refuse it. It ends its chunk. */
  readonly maxRecordBytes: number
  /** Where the body begins in its file, for the place of a quote that is not closed. */
  readonly origin: { readonly start: number; readonly firstRecord: number }
  /** For who keeps chunks: each is in a buffer of so many bytes that is asked for here. */
  readonly nextBuffer?: (bytes: number) => Buffer
}

/**
 * Cuts a body into chunks of whole records, whatever newlines their fields hold. Memory is two buffers, each for a chunk or for
 * the longest record that is allowed; each byte is copied once.
 * @throws source/unclosed-quote when the body ends inside a quoted field
 */
export async function* recordChunksOf(
  body: AsyncIterable<Uint8Array>,
  options: ChunkOptions,
): AsyncIterable<RecordChunk> {
  const scanner = createRecordScanner(options.encoding, options.newline)
  const filling = fillChunks(options)
  for await (const raw of body) {
    const piece = Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength)
    const { count, places, mayBeginWithBackslash } = scanner.find(piece)
    if (mayBeginWithBackslash) filling.suspectEndMarker()
    const ends = places.subarray(0, count)
    let from = { at: 0, next: 0 }
    for (;;) {
      const taken = filling.take(piece, ends, from)
      if (taken === null) break
      yield taken.chunk
      filling.advance()
      from = taken.from
    }
  }
  if (scanner.isInQuotes()) throw filling.unclosed()
  const rest = filling.rest()
  if (rest !== null) yield rest
}

/** A place in a piece, and the first record end behind it. */
interface Place {
  readonly at: number
  readonly next: number
}

function fillChunks({ targetBytes, firstBytes = targetBytes, maxRecordBytes, origin, nextBuffer }: ChunkOptions) {
  // Room for the longest record at once: pages that are not written to cost nothing, buffers that grow leave the smaller ones.
  const bufferBytes = Math.max(targetBytes, maxRecordBytes + 1)
  let spare: Buffer | null = null
  const anotherBuffer = () => nextBuffer?.(bufferBytes) ?? spare ?? Buffer.allocUnsafeSlow(bufferBytes)
  let buffer: Buffer = anotherBuffer()
  let room = firstBytes
  let mayHoldEndMarker = false
  let filled = 0
  /** Bytes and records of the whole records in the buffer. */
  let whole = 0
  let records = 0
  /** Bytes of the record under way that are not kept. */
  let dropped = 0
  const done = { bytes: 0, records: 0 }

  function add(piece: Buffer, start: number, end: number): void {
    piece.copy(buffer, filled, start, end)
    filled += end - start
  }

  const emit = (isLast = false): RecordChunk => ({
    bytes: buffer.subarray(0, whole),
    records,
    mayHoldEndMarker,
    sourceBytes: whole + dropped,
    isLast,
  })

  /**
   * The beginning of the record behind a chunk moves to the other buffer. Not before the next chunk is asked for: until then
   * the other one may still be on its way.
   */
  function advance(): void {
    const other = anotherBuffer()
    buffer.copy(other, 0, whole, filled)
    spare = buffer
    buffer = other
    room = targetBytes
    done.bytes += whole + dropped
    done.records += records
    filled -= whole
    whole = 0
    records = 0
    dropped = 0
  }

  /** The last record end that fits, as its place in `ends`; -1 when none does. */
  function lastFitting(ends: Int32Array, { at, next }: Place): number {
    for (let index = ends.length - 1; index >= next; index -= 1)
      if (filled + (ends[index] ?? 0) - at <= room) return index
    return -1
  }

  /** Of a record that fills the buffer alone: keeps what may be kept of it. @returns null while it has no end */
  function takeLong(piece: Buffer, ends: Int32Array, { at, next }: Place): { at: number; cut: boolean } {
    const end = ends[next] ?? piece.length
    const kept = Math.min(end - at, Math.max(0, maxRecordBytes + 1 - filled))
    add(piece, at, at + kept)
    dropped += end - at - kept
    return { at: end, cut: next < ends.length }
  }

  return {
    advance,
    suspectEndMarker() {
      mayHoldEndMarker = true
    },
    /** Takes bytes of a piece until a chunk is full. @returns null once all of the piece is taken */
    take(piece: Buffer, ends: Int32Array, start: Place): { chunk: RecordChunk; from: Place } | null {
      let from = start
      while (from.at < piece.length) {
        // A record that is longer than a chunk is one alone.
        const isLong = dropped > 0 || filled > room
        if (!isLong && filled + piece.length - from.at <= room) {
          const last = ends.at(-1)
          if (last !== undefined && ends.length > from.next) {
            whole = filled + last - from.at
            records += ends.length - from.next
          }
          add(piece, from.at, piece.length)
          return null
        }
        const fitting = isLong ? -1 : lastFitting(ends, from)
        if (fitting >= 0) {
          const end = ends[fitting] ?? 0
          add(piece, from.at, end)
          whole = filled
          records += fitting + 1 - from.next
          from = { at: end, next: fitting + 1 }
          return { chunk: emit(), from }
        }
        if (whole > 0) return { chunk: emit(), from }
        const long = takeLong(piece, ends, from)
        from = { at: long.at, next: from.next + (long.cut ? 1 : 0) }
        if (!long.cut) continue
        whole = filled
        records = 1
        return { chunk: emit(), from }
      }
      return null
    },
    /** A last record needs no newline. */
    rest(): RecordChunk | null {
      if (filled > whole) records += 1
      whole = filled
      return filled === 0 ? null : emit(true)
    },
    unclosed(): TransferError {
      const record = origin.firstRecord + done.records + records
      const offset = origin.start + done.bytes + whole
      return unclosedQuote({ record, offset })
    },
  }
}
