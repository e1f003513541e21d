import type { Encoding } from './encoding.ts'
import { createRecordScanner } from './record-ends.ts'
import { type BatchOptions, openRecord, type RawRecord } from './records.ts'

/** Whole records in a row, counted and not looked into. */
export interface RecordBlock {
  readonly pieces: readonly Buffer[]
  readonly records: number
  readonly bytes: number
  /** What of the body lies before it. */
  readonly before: { readonly records: number; readonly bytes: number }
}

export interface BlockOptions extends Pick<BatchOptions, 'encoding' | 'newline' | 'maxRecordBytes'> {
  /** Asked behind each piece. @param gatheredMs how long the block has been gathered */
  readonly targetBytes: (gatheredMs: number) => number
}

/** What blocks are made of, in the order of the body: a record that is too large stands between two of them. */
export type BlockOrRecord = { readonly block: RecordBlock } | { readonly tooLarge: RawRecord }

/**
 * Cuts a body into blocks of at least `targetBytes`, and at most a piece and a record more. Costs what counting records
 * costs: cutting out each record takes 30 times as long, a million of 80 bytes 3 s.
 */
export async function* blocksOf(body: AsyncIterable<Uint8Array>, options: BlockOptions): AsyncIterable<BlockOrRecord> {
  const { targetBytes, maxRecordBytes } = options
  const scanner = createRecordScanner(options.encoding, options.newline)
  const open = openRecord(maxRecordBytes)
  const block = openBlock()
  let begunAt = performance.now()
  for await (const raw of body) {
    const piece = Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength)
    const ends: number[] = []
    scanner.scan(piece, (end) => void ends.push(end))
    let taken = 0
    let start = 0
    let records = 0
    for (const end of ends) {
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
    if (start < piece.length) open.add(piece.subarray(start))
    if (block.bytes() >= targetBytes(performance.now() - begunAt)) {
      yield* block.close()
      begunAt = performance.now()
    }
  }
  if (open.isBegun()) yield* block.addOpen(open.close())
  yield* block.close()
}

export async function* streamOf(pieces: readonly Buffer[]): AsyncIterable<Uint8Array> {
  yield* pieces
}

function openBlock() {
  let pieces: Buffer[] = []
  let records = 0
  let bytes = 0
  const before = { records: 0, bytes: 0 }
  function add(piece: Buffer, count: number): void {
    if (count === 0) return
    pieces.push(piece)
    records += count
    bytes += piece.length
  }
  function* close(): Iterable<BlockOrRecord> {
    if (records === 0) return
    yield { block: { pieces, records, bytes, before: { ...before } } }
    pass(records, bytes)
    pieces = []
    records = 0
    bytes = 0
  }
  function pass(passedRecords: number, passedBytes: number): void {
    before.records += passedRecords
    before.bytes += passedBytes
  }
  return {
    add,
    close,
    bytes: () => bytes,
    /** A record that lay in several pieces, or is too large. */
    *addOpen(record: Pick<RawRecord, 'bytes' | 'length' | 'isTooLarge'>): Iterable<BlockOrRecord> {
      if (!record.isTooLarge) return add(record.bytes, 1)
      yield* close()
      yield { tooLarge: { ...record, number: before.records + 1, offset: before.bytes } }
      pass(1, record.length)
    },
  }
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
  const bytes = Buffer.concat(block.pieces)
  const ends = [0]
  createRecordScanner(encoding, newline).scan(bytes, (end) => void ends.push(end))
  if (ends.at(-1) !== bytes.length) ends.push(bytes.length)
  const start = startOfLine(bytes, line)
  if (start === null) return null
  const behindIt = ends.findIndex((end) => end > start)
  const part = (first: number, last: number): RecordBlock => {
    const [begin = 0, end = bytes.length] = [ends[first], ends[last]]
    const before = { records: block.before.records + first, bytes: block.before.bytes + begin }
    return { pieces: [bytes.subarray(begin, end)], records: last - first, bytes: end - begin, before }
  }
  return { before: part(0, behindIt - 1), record: part(behindIt - 1, behindIt), behind: part(behindIt, block.records) }
}

/** Lines of a file end with line feeds, or all with carriage returns. */
function startOfLine(bytes: Buffer, line: number): number | null {
  const ending = bytes.includes(lineFeed) ? lineFeed : carriageReturn
  let start = 0
  for (let at = 1; at < line; at += 1) {
    const end = bytes.indexOf(ending, start)
    if (end === -1) return null
    start = end + 1
  }
  return start < bytes.length ? start : null
}
