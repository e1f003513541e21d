import type { Encoding } from './encoding.ts'
import { createRecordScanner } from './record-ends.ts'
import { type BatchOptions, beginningOf, keptBytes, type RawRecord } from './records.ts'
import { unclosedQuote } from './unclosed-quote.ts'

/** Whole records in a row, counted and not looked into. */
export interface RecordBlock {
  readonly bytes: Buffer
  readonly records: number
  /** A record may be what COPY takes for the end of its data; where not, none is. */
  readonly mayHoldEndMarker: boolean
  /** What of the body lies before it. */
  readonly before: { readonly records: number; readonly bytes: number }
}

export interface BlockOptions extends Pick<BatchOptions, 'encoding' | 'newline' | 'maxRecordBytes'> {
  /** Asked behind each piece. @param gatheredMs how long the block has been gathered */
  readonly targetBytes: (gatheredMs: number) => number
  /** At most, of the first block: who waits for it begins sooner. Unset: as the others. */
  readonly firstBytes?: number
  /** What follows the body, of which the record is taken that is open at its end. Unset: the body ends with a record. */
  readonly overrun?: () => AsyncIterable<Uint8Array>
  /** Where the body begins in its file. */
  readonly origin?: { readonly start: number | null; readonly firstRecord: number }
  /** Unset: blocks of this body alone lie in them. */
  readonly buffers?: BlockBuffers
}

/**
 * Where blocks lie, in turn. One that is too small for a record grows once, to what the longest may need; who has blocks made
 * again hands them on, as new memory has to be cleared.
 */
export interface BlockBuffers {
  filling: Buffer
  other: Buffer
  /** Of the one that was written to most: what is behind has cost no memory yet. */
  writtenBytes: number
}

export const newBlockBuffers = (): BlockBuffers => ({
  filling: Buffer.alloc(0),
  other: Buffer.alloc(0),
  writtenBytes: 0,
})

/** What blocks are made of, in the order of the body: a record that is too large stands between two of them. */
export type BlockOrRecord = { readonly block: RecordBlock } | { readonly tooLarge: RawRecord }

/**
 * Cuts a body into blocks of at least `targetBytes`, and at most a piece and a record more; less where the next record has no
 * room. Costs what counting records costs: cutting out each record takes 30 times as long, a million of 80 bytes 3 s.
 *
 * @throws source/unclosed-quote where `overrun` is given and the file ends inside a quoted field
 *
 * The bytes of a block are valid until the next but one is asked for: two buffers are used in turn. Blocks that were made of
 * the pieces themselves kept a third of a loader's CPU busy collecting garbage (docs/decisions.md, 2026-11-25).
 */
export async function* blocksOf(body: AsyncIterable<Uint8Array>, options: BlockOptions): AsyncIterable<BlockOrRecord> {
  const { targetBytes, firstBytes = Number.POSITIVE_INFINITY, maxRecordBytes } = options
  const scanner = createRecordScanner(options.encoding, options.newline)
  const usualBytes = Math.min(Math.max(targetBytes(0), maxRecordBytes), mostUsualBytes) + pieceRoomBytes
  const block = openBlock({ usualBytes, maxRecordBytes }, options.buffers ?? newBlockBuffers())
  let begunAt = performance.now()
  for await (const raw of body) {
    const piece = Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength)
    const { count, places, mayBeginWithBackslash } = scanner.find(piece)
    if (mayBeginWithBackslash) block.suspectEndMarker()
    yield* piece.length <= maxRecordBytes ? addAtOnce(piece, count, places) : addEach(piece, count, places)
    const enough = targetBytes(performance.now() - begunAt)
    if (block.length() >= (block.isFirst() ? Math.min(firstBytes, enough) : enough)) {
      yield* block.close()
      begunAt = performance.now()
    }
  }
  if (options.overrun !== undefined && scanner.isInQuotes()) yield* restOfRecord(options.overrun())
  yield* block.endOpen()
  yield* block.close()

  /** None of the records that lie whole in the piece can be too large, so that only the first and the last end matter. */
  function* addAtOnce(piece: Buffer, count: number, places: Int32Array): Iterable<BlockOrRecord> {
    if (count === 0) return yield* block.addOpen(piece)
    const isOpen = block.isOpen()
    const first = isOpen ? (places[0] as number) : 0
    const last = places[count - 1] as number
    if (isOpen) {
      yield* block.addOpen(piece.subarray(0, first))
      yield* block.endOpen()
    }
    yield* block.add(piece.subarray(first, last), isOpen ? count - 1 : count)
    yield* block.addOpen(piece.subarray(last))
  }

  function* addEach(piece: Buffer, count: number, places: Int32Array): Iterable<BlockOrRecord> {
    let taken = 0
    let start = 0
    let records = 0
    for (let index = 0; index < count; index += 1) {
      const end = places[index] as number
      if (!block.isOpen() && end - start <= maxRecordBytes) records += 1
      else {
        yield* block.add(piece.subarray(taken, start), records)
        records = 0
        yield* block.addOpen(piece.subarray(start, end))
        yield* block.endOpen()
        taken = end
      }
      start = end
    }
    yield* block.add(piece.subarray(taken, start), records)
    yield* block.addOpen(piece.subarray(start))
  }

  async function* restOfRecord(following: AsyncIterable<Uint8Array>): AsyncIterable<BlockOrRecord> {
    for await (const raw of following) {
      const piece = Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength)
      const { count, places } = scanner.find(piece)
      yield* block.addOpen(count === 0 ? piece : piece.subarray(0, places[0]))
      if (count > 0) return
    }
    const { start, firstRecord } = options.origin ?? { start: 0, firstRecord: 1 }
    const { bytes, records } = block.passed()
    if (scanner.isInQuotes()) throw unclosedQuote({ record: firstRecord + records, offset: (start ?? 0) + bytes })
  }
}

/** Whole records that lie in memory, as the one block that they are. */
export async function* blockInMemory(
  body: AsyncIterable<Uint8Array>,
  {
    records,
    mayHoldEndMarker,
    maxRecordBytes,
  }: Pick<RecordBlock, 'records' | 'mayHoldEndMarker'> & Pick<BlockOptions, 'maxRecordBytes'>,
): AsyncIterable<BlockOrRecord> {
  for await (const raw of body) {
    const bytes = Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength)
    const isTooLarge = records === 1 && bytes.length > maxRecordBytes
    if (!isTooLarge) yield { block: { bytes, records, mayHoldEndMarker, before: { records: 0, bytes: 0 } } }
    else yield { tooLarge: { bytes: beginningOf([bytes]), length: bytes.length, isTooLarge, number: 1, offset: 0 } }
  }
}

/** What pg-copy-streams and the server's own buffers are fastest with (perf.md §2b). */
const sentBytes = 256 * 1024

export async function* streamOf({ bytes }: Pick<RecordBlock, 'bytes'>): AsyncIterable<Uint8Array> {
  for (let at = 0; at < bytes.length; at += sentBytes) yield bytes.subarray(at, at + sentBytes)
}

/** Memory that is never written to costs nothing, so buffers are made as large as they may have to be. */
const mostUsualBytes = 16 * 1024 * 1024
const pieceRoomBytes = 512 * 1024

/**
 * The block under way, and behind it in the same buffer the beginning of the record under way: a record is copied once, and
 * buffers are no larger than the longest one and a piece need.
 */
function openBlock(
  { usualBytes, maxRecordBytes }: { readonly usualBytes: number; readonly maxRecordBytes: number },
  buffers: BlockBuffers,
) {
  let length = 0
  let records = 0
  let mayHoldEndMarker = false
  /** Of the record under way: its bytes so far, and those of them that are kept behind the block. */
  const open = { length: 0, kept: 0 }
  const before = { records: 0, bytes: 0 }

  /** A block that leaves no room goes on its way; only what is longer than a buffer makes one grow. */
  function* append(bytes: Buffer): Iterable<BlockOrRecord> {
    if (length + open.kept + bytes.length > buffers.filling.length) yield* close()
    const used = length + open.kept
    if (used + bytes.length > buffers.filling.length) {
      const longest = used + bytes.length > usualBytes ? maxRecordBytes + pieceRoomBytes : usualBytes
      buffers.filling = grown(buffers.filling, used, Math.max(longest, used + bytes.length))
    }
    bytes.copy(buffers.filling, used)
    buffers.writtenBytes = Math.max(buffers.writtenBytes, used + bytes.length)
  }
  function* close(): Iterable<BlockOrRecord> {
    if (records === 0) return
    const { filling, other } = buffers
    const behind = filling.subarray(length, length + open.kept)
    const block = { bytes: filling.subarray(0, length), records, mayHoldEndMarker, before: { ...before } }
    buffers.filling = other
    buffers.other = filling
    pass(records, length)
    length = 0
    records = 0
    yield { block }
    // Not before the next block is asked for: until then the one before this is read from there.
    if (behind.length > buffers.filling.length) buffers.filling = grown(other, 0, Math.max(usualBytes, filling.length))
    behind.copy(buffers.filling)
  }
  function pass(passedRecords: number, passedBytes: number): void {
    before.records += passedRecords
    before.bytes += passedBytes
  }
  return {
    close,
    length: () => length,
    isFirst: () => before.records === 0,
    isOpen: () => open.length > 0,
    /** For good: where records begin so, others may, and who looks closer is told. */
    suspectEndMarker() {
      mayHoldEndMarker = true
    },
    /** What lies before the record under way. */
    passed: () => ({ records: before.records + records, bytes: before.bytes + length }),
    /** Whole records, while none is open. */
    *add(bytes: Buffer, count: number): Iterable<BlockOrRecord> {
      if (count === 0) return
      yield* append(bytes)
      length += bytes.length
      records += count
    },
    /** Bytes of a record that lies in several pieces, or is too large: of that no more than its beginning is kept. */
    *addOpen(bytes: Buffer): Iterable<BlockOrRecord> {
      open.length += bytes.length
      const kept = open.length > maxRecordBytes ? bytes.subarray(0, Math.max(0, keptBytes - open.kept)) : bytes
      if (kept.length > 0) yield* append(kept)
      open.kept += kept.length
    },
    *endOpen(): Iterable<BlockOrRecord> {
      if (open.length === 0) return
      if (open.length <= maxRecordBytes) {
        length += open.length
        records += 1
      } else {
        yield* close()
        const bytes = beginningOf([buffers.filling.subarray(0, open.kept)])
        const number = before.records + 1
        yield { tooLarge: { bytes, length: open.length, isTooLarge: true, number, offset: before.bytes } }
        pass(1, open.length)
      }
      open.length = 0
      open.kept = 0
    },
  }
}

/** Not of the pool that small buffers share, so that its memory is its own. */
function grown(buffer: Buffer, used: number, bytes: number): Buffer {
  const larger = Buffer.allocUnsafeSlow(bytes)
  buffer.copy(larger, 0, 0, used)
  return larger
}

const lineFeed = 0x0a
const carriageReturn = 0x0d

/**
 * Cuts a block into what lies before the record of line `line` (from 1; a quoted line break counts as a line), that record,
 * and what lies behind it. null: the block has no such line.
 */
export function cutAtLine(
  block: RecordBlock,
  { encoding, newline, line }: { encoding: Encoding; newline: number; line: number },
): { before: RecordBlock; record: RecordBlock; behind: RecordBlock } | null {
  const { bytes } = block
  const { count, places } = createRecordScanner(encoding, newline).find(bytes)
  const ends = [0, ...places.subarray(0, count)]
  if (ends.at(-1) !== bytes.length) ends.push(bytes.length)
  const start = startOfLine(bytes, line)
  if (start === null) return null
  const behindIt = ends.findIndex((end) => end > start)
  const part = (first: number, last: number): RecordBlock => {
    const [begin = 0, end = bytes.length] = [ends[first], ends[last]]
    const before = { records: block.before.records + first, bytes: block.before.bytes + begin }
    return { ...block, bytes: bytes.subarray(begin, end), records: last - first, before }
  }
  return { before: part(0, behindIt - 1), record: part(behindIt - 1, behindIt), behind: part(behindIt, block.records) }
}

/** As COPY counts them: a last line needs no end. */
export function linesOf({ bytes }: Pick<RecordBlock, 'bytes'>): number {
  const ending = endingOf(bytes)
  let lines = bytes.length > 0 && bytes.at(-1) !== ending ? 1 : 0
  for (let at = bytes.indexOf(ending); at !== -1; at = bytes.indexOf(ending, at + 1)) lines += 1
  return lines
}

/** Lines of a file end with line feeds, or all with carriage returns. */
const endingOf = (bytes: Buffer) => (bytes.includes(lineFeed) ? lineFeed : carriageReturn)

function startOfLine(bytes: Buffer, line: number): number | null {
  const ending = endingOf(bytes)
  let start = 0
  for (let at = 1; at < line; at += 1) {
    const end = bytes.indexOf(ending, start)
    if (end === -1) return null
    start = end + 1
  }
  return start < bytes.length ? start : null
}
