import type { Encoding } from './encoding.ts'
import { createRecordScanner } from './record-ends.ts'
import { type BatchOptions, openRecord, type RawRecord } from './records.ts'

/** Whole records in a row, counted and not looked into. */
export interface RecordBlock {
  readonly bytes: Buffer
  readonly records: number
  /** What of the body lies before it. */
  readonly before: { readonly records: number; readonly bytes: number }
}

export interface BlockOptions extends Pick<BatchOptions, 'encoding' | 'newline' | 'maxRecordBytes'> {
  /** Asked behind each piece. @param gatheredMs how long the block has been gathered */
  readonly targetBytes: (gatheredMs: number) => number
  /** Unset: blocks of this body alone lie in them. */
  readonly buffers?: BlockBuffers
}

/** Where blocks lie, in turn. They grow as blocks do; who has blocks made again hands them on, as new memory has to be cleared. */
export interface BlockBuffers {
  filling: Buffer
  other: Buffer
}

export const newBlockBuffers = (): BlockBuffers => ({ filling: Buffer.alloc(0), other: Buffer.alloc(0) })

/** What blocks are made of, in the order of the body: a record that is too large stands between two of them. */
export type BlockOrRecord = { readonly block: RecordBlock } | { readonly tooLarge: RawRecord }

/**
 * Cuts a body into blocks of at least `targetBytes`, and at most a piece and a record more. Costs what counting records
 * costs: cutting out each record takes 30 times as long, a million of 80 bytes 3 s.
 *
 * The bytes of a block are valid until the next but one is asked for: two buffers are used in turn. Blocks that were made of
 * the pieces themselves kept a third of a loader's CPU busy collecting garbage (docs/decisions.md, 2026-11-25).
 */
export async function* blocksOf(body: AsyncIterable<Uint8Array>, options: BlockOptions): AsyncIterable<BlockOrRecord> {
  const { targetBytes, maxRecordBytes } = options
  const scanner = createRecordScanner(options.encoding, options.newline)
  const open = openRecord(maxRecordBytes)
  const usualBytes = Math.min(targetBytes(0), mostUsualBytes) + pieceRoomBytes
  const block = openBlock(usualBytes, options.buffers ?? newBlockBuffers())
  let begunAt = performance.now()
  for await (const raw of body) {
    const piece = Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength)
    const { count, places } = scanner.find(piece)
    let taken = 0
    let start = 0
    let records = 0
    for (let index = 0; index < count; index += 1) {
      const end = places[index] as number
      if (!open.isBegun() && end - start <= maxRecordBytes) records += 1
      else {
        block.add(piece.subarray(taken, start), records)
        records = 0
        open.add(piece.subarray(start, end))
        yield* block.addOpen(open.close())
        taken = end
      }
      start = end
    }
    block.add(piece.subarray(taken, start), records)
    // A copy: the piece may be lent.
    if (start < piece.length) open.add(Buffer.from(piece.subarray(start)))
    if (block.length() >= targetBytes(performance.now() - begunAt)) {
      yield* block.close()
      begunAt = performance.now()
    }
  }
  if (open.isBegun()) yield* block.addOpen(open.close())
  yield* block.close()
}

/** What pg-copy-streams and the server's own buffers are fastest with (perf.md §2b). */
const sentBytes = 256 * 1024

export async function* streamOf({ bytes }: Pick<RecordBlock, 'bytes'>): AsyncIterable<Uint8Array> {
  for (let at = 0; at < bytes.length; at += sentBytes) yield bytes.subarray(at, at + sentBytes)
}

/** Memory that is never written to costs nothing; growing step by step would leave twice of what is needed. */
const mostUsualBytes = 16 * 1024 * 1024
const pieceRoomBytes = 512 * 1024

function openBlock(usualBytes: number, buffers: BlockBuffers) {
  let length = 0
  let records = 0
  const before = { records: 0, bytes: 0 }
  function add(piece: Buffer, count: number): void {
    if (count === 0) return
    if (length + piece.length > buffers.filling.length)
      buffers.filling = grown(buffers.filling, length, Math.max(usualBytes, piece.length))
    piece.copy(buffers.filling, length)
    length += piece.length
    records += count
  }
  function* close(): Iterable<BlockOrRecord> {
    if (records === 0) return
    const { filling, other } = buffers
    const block = { bytes: filling.subarray(0, length), records, before: { ...before } }
    buffers.filling = other
    buffers.other = filling
    pass(records, length)
    length = 0
    records = 0
    yield { block }
  }
  function pass(passedRecords: number, passedBytes: number): void {
    before.records += passedRecords
    before.bytes += passedBytes
  }
  return {
    add,
    close,
    length: () => length,
    /** A record that lay in several pieces, or is too large. */
    *addOpen(record: Pick<RawRecord, 'bytes' | 'length' | 'isTooLarge'>): Iterable<BlockOrRecord> {
      if (!record.isTooLarge) return add(record.bytes, 1)
      yield* close()
      yield { tooLarge: { ...record, number: before.records + 1, offset: before.bytes } }
      pass(1, record.length)
    },
  }
}

/** Not of the pool that small buffers share, so that its memory is its own. */
function grown(buffer: Buffer, used: number, more: number): Buffer {
  const larger = Buffer.allocUnsafeSlow(used === 0 ? more : Math.max(used + more, 2 * used))
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
    return { bytes: bytes.subarray(begin, end), records: last - first, before }
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
