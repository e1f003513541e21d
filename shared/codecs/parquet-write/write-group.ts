import { type CopyOutput, makeRoom, openOutput } from '../parquet/copy-output.ts'
import type { ColumnWriter, Gathered, PageCut } from './column-writer.ts'
import type { Compressor } from './compress.ts'
import { type ThriftStruct, writeStruct, writeVarint } from './thrift-writer.ts'

/** What the footer says of a column of a row group. */
export interface WrittenChunk {
  readonly column: ColumnWriter
  readonly records: number
  readonly dictionaryAt: number | null
  readonly dataAt: number
  readonly compressedBytes: number
  readonly uncompressedBytes: number
}

const plain = 0
const rle = 3
const dictionaryEncoding = 8

/** The pages of a column, in order. @param offset where the first one stands in the file */
export function* writeColumn(
  column: ColumnWriter,
  compressor: Compressor,
  offset: number,
): Generator<Buffer, WrittenChunk> {
  const gathered = column.gathered()
  const { cuts, places, dictionaryValues } = gathered
  let [compressedBytes, uncompressedBytes] = [0, 0]
  const page = (body: Buffer, kind: ThriftStruct): Buffer => {
    const packed = compressor.compress(body)
    const out = openOutput(packed.length + 128)
    writeStruct(out, [
      [1, { i32: kind === dictionaryPage ? 2 : 0 }],
      [2, { i32: body.length }],
      [3, { i32: packed.length }],
      ...kind,
    ])
    uncompressedBytes += out.at + body.length
    makeRoom(out, packed.length)
    out.at += packed.copy(out.bytes, out.at)
    compressedBytes += out.at
    return out.bytes.subarray(0, out.at)
  }
  const dictionaryPage: ThriftStruct = [
    [
      7,
      {
        struct: [
          [1, { i32: dictionaryValues }],
          [2, { i32: plain }],
        ],
      },
    ],
  ]
  if (places !== null) yield page(gathered.values, dictionaryPage)
  const dataAt = offset + compressedBytes
  let before: PageCut = { records: 0, values: 0, bytes: 0 }
  for (const cut of cuts) {
    const encoding = places === null ? plain : dictionaryEncoding
    const numbers = [cut.records - before.records, encoding, rle, rle].map(
      (i32, index) => [index + 1, { i32 }] as const,
    )
    yield page(bodyOf(gathered, column, before, cut), [[5, { struct: numbers }]])
    before = cut
  }
  const dictionaryAt = places === null ? null : offset
  return { column, records: before.records, dictionaryAt, dataAt, compressedBytes, uncompressedBytes }
}

/** Levels, then values or their places. */
function bodyOf(
  { levels, values, places, dictionaryValues }: Gathered,
  column: ColumnWriter,
  from: PageCut,
  to: PageCut,
): Buffer {
  const out = openOutput(to.bytes - from.bytes + (to.records - from.records) + 64)
  out.at = 4
  writeRuns(out, levels.subarray(from.records, to.records), 1)
  out.bytes.writeUInt32LE(out.at - 4, 0)
  if (places !== null) {
    const width = Math.max(1, 32 - Math.clz32(dictionaryValues - 1))
    makeRoom(out, 1)
    out.bytes[out.at++] = width
    writeRuns(out, places.subarray(from.values, to.values), width)
  } else if (column.type.physical === 'BOOLEAN') pack(out, values.subarray(from.bytes, to.bytes), 1)
  else {
    makeRoom(out, to.bytes - from.bytes)
    out.at += values.copy(out.bytes, out.at, from.bytes, to.bytes)
  }
  return out.bytes.subarray(0, out.at)
}

/** One run where all are alike, else all of them packed: the codec makes up for the rest. */
function writeRuns(out: CopyOutput, numbers: Uint8Array | Int32Array, width: number): void {
  if (numbers.length === 0) return
  const [first = 0] = numbers
  if (numbers.every((number) => number === first)) {
    writeVarint(out, numbers.length * 2)
    makeRoom(out, 4)
    for (let shift = 0; shift < width; shift += 8) out.bytes[out.at++] = (first >>> shift) & 255
    return
  }
  writeVarint(out, Math.ceil(numbers.length / 8) * 2 + 1)
  pack(out, numbers, width)
}

/** Filled up to a multiple of eight numbers. */
function pack(out: CopyOutput, numbers: Uint8Array | Int32Array, width: number): void {
  makeRoom(out, Math.ceil(numbers.length / 8) * width + 8)
  const end = out.at + Math.ceil(numbers.length / 8) * width
  let [held, heldBits] = [0, 0]
  for (const number of numbers) {
    held |= number << heldBits
    heldBits += width
    for (; heldBits >= 8; heldBits -= 8) {
      out.bytes[out.at++] = held & 255
      held >>>= 8
    }
  }
  if (heldBits > 0) out.bytes[out.at++] = held & 255
  while (out.at < end) out.bytes[out.at++] = 0
}
