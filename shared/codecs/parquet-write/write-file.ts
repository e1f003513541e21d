import { TransferError } from '../../errors/index.ts'
import { openOutput } from '../parquet/copy-output.ts'
import { type ColumnWriter, openColumnWriter } from './column-writer.ts'
import { type Compression, type Compressor, openCompressor } from './compress.ts'
import { type ThriftStruct, type ThriftValue, writeStruct } from './thrift-writer.ts'
import { type WrittenChunk, writeColumn } from './write-group.ts'
import { writtenTypeOf } from './written-type.ts'

export interface FileColumn {
  readonly name: string
  /** As PostgreSQL prints it. */
  readonly type: string
}

interface WrittenGroup {
  readonly records: number
  readonly chunks: readonly WrittenChunk[]
}

/** A row group is closed when its values take so much: what a writer holds, and what a reader must. */
const groupBytes = 16 * 1024 * 1024
const maxGroupRecords = 1_000_000
const askEveryBytes = 64 * 1024
const mark = Buffer.from('PAR1')

/**
 * COPY text as a Parquet file, a row group at a time.
 * @throws record/format for a value that its column cannot hold, record/column-count
 */
export async function* writeParquet(
  records: AsyncIterable<Uint8Array>,
  columns: readonly FileColumn[],
  compression: Compression,
): AsyncGenerator<Uint8Array> {
  const compressor = await openCompressor(compression)
  const writers = columns.map(({ name, type }) => openColumnWriter(name, writtenTypeOf(type)))
  const groups: WrittenGroup[] = []
  let offset = mark.length
  let gathered = 0
  let unasked = 0
  function* close(): Generator<Uint8Array> {
    const chunks: WrittenChunk[] = []
    for (const writer of writers) {
      const chunk = yield* writeColumn(writer, compressor, offset)
      offset += chunk.compressedBytes
      chunks.push(chunk)
      writer.clear()
    }
    groups.push({ records: gathered, chunks })
    gathered = 0
  }
  yield mark
  const takeRecord = recordTaker(writers)
  for await (const piece of wholeLines(records)) {
    for (let at = 0; at < piece.length; ) {
      const begin = at
      at = takeRecord(piece, at)
      gathered += 1
      unasked += at - begin
      // Asking each column costs more than a few records too many.
      if (unasked < askEveryBytes && gathered < maxGroupRecords) continue
      unasked = 0
      const held = writers.reduce((sum, writer) => sum + writer.held(), 0)
      if (held >= groupBytes || gathered >= maxGroupRecords) yield* close()
    }
  }
  if (gathered > 0) yield* close()
  yield footerOf(writers, groups, compressor)
}

/** A file of these columns without rows. */
export function emptyParquet(columns: readonly FileColumn[]): Buffer {
  const writers = columns.map(({ name, type }) => openColumnWriter(name, writtenTypeOf(type)))
  return Buffer.concat([mark, footerOf(writers, [], { codec: 0 })])
}

const tab = 0x09
const lineFeed = 0x0a
const backslash = 0x5c

/** Pieces that end where a record does. In COPY text a line feed always ends one. */
async function* wholeLines(records: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  let rest: Buffer = Buffer.alloc(0)
  for await (const raw of records) {
    const piece = Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength)
    const end = piece.lastIndexOf(lineFeed) + 1
    if (end === 0) {
      rest = Buffer.concat([rest, piece])
      continue
    }
    yield rest.length === 0 ? piece.subarray(0, end) : Buffer.concat([rest, piece.subarray(0, end)])
    rest = Buffer.from(piece.subarray(end))
  }
  if (rest.length > 0) yield Buffer.concat([rest, Buffer.from('\n')])
}

/** @returns what takes the record at a place, and says where the next one begins */
function recordTaker(writers: readonly ColumnWriter[]): (bytes: Buffer, start: number) => number {
  return (bytes, start) => {
    let at = start
    for (let index = 0; index < writers.length; index += 1) {
      const begin = at
      let byte = bytes[at]
      while (byte !== tab && byte !== lineFeed && byte !== undefined) byte = bytes[++at]
      const isLast = index === writers.length - 1
      if ((byte === lineFeed) !== isLast) throw wrongCount(writers.length)
      const isNull = at - begin === 2 && bytes[begin] === backslash && bytes[begin + 1] === 0x4e
      const writer = writers[index] as ColumnWriter
      if (isNull) writer.addNull()
      else writer.add(bytes, begin, at)
      at += 1
    }
    return at
  }
}

const wrongCount = (columns: number) =>
  new TransferError('record/column-count', `a record has another number of fields than the ${columns} columns`, {
    columns,
  })

const repetitionOptional = 1

function footerOf(
  writers: readonly ColumnWriter[],
  groups: readonly WrittenGroup[],
  { codec }: Pick<Compressor, 'codec'>,
): Buffer {
  const root: ThriftStruct = [
    [4, { text: 'schema' }],
    [5, { i32: writers.length }],
  ]
  const schema: ThriftValue[] = [{ struct: root }, ...writers.map((writer) => ({ struct: elementOf(writer) }))]
  const out = openOutput(64 * 1024)
  writeStruct(out, [
    [1, { i32: 2 }],
    [2, { list: schema }],
    [3, { i64: groups.reduce((sum, { records }) => sum + records, 0) }],
    [4, { list: groups.map((group) => ({ struct: groupOf(group, codec) })) }],
    [6, { text: 'adbpg-sync' }],
  ])
  const tail = Buffer.alloc(4)
  tail.writeUInt32LE(out.at)
  return Buffer.concat([out.bytes.subarray(0, out.at), tail, mark])
}

const physicalNumbers = {
  BOOLEAN: 0,
  INT32: 1,
  INT64: 2,
  INT96: 3,
  FLOAT: 4,
  DOUBLE: 5,
  BYTE_ARRAY: 6,
  FIXED_LEN_BYTE_ARRAY: 7,
}

function elementOf({ name, type }: ColumnWriter): ThriftStruct {
  const { physical, length, converted, logical, decimal } = type
  return [
    [1, { i32: physicalNumbers[physical] }],
    [2, length === 0 ? null : { i32: length }],
    [3, { i32: repetitionOptional }],
    [4, { text: name }],
    [6, converted === null ? null : { i32: converted }],
    [7, decimal === null ? null : { i32: decimal.scale }],
    [8, decimal === null ? null : { i32: decimal.precision }],
    [10, logical === null ? null : { struct: logical }],
  ]
}

function groupOf({ records, chunks }: WrittenGroup, codec: number): ThriftStruct {
  const sum = (of: (chunk: WrittenChunk) => number) => chunks.reduce((total, chunk) => total + of(chunk), 0)
  return [
    [1, { list: chunks.map((chunk) => ({ struct: chunkOf(chunk, codec) })) }],
    [2, { i64: sum((chunk) => chunk.uncompressedBytes) }],
    [3, { i64: records }],
    [6, { i64: sum((chunk) => chunk.compressedBytes) }],
  ]
}

function chunkOf(
  { column, records, dictionaryAt, dataAt, compressedBytes, uncompressedBytes }: WrittenChunk,
  codec: number,
): ThriftStruct {
  const encodings = dictionaryAt === null ? [0, 3] : [0, 3, 8]
  const metadata: ThriftStruct = [
    [1, { i32: physicalNumbers[column.type.physical] }],
    [2, { list: encodings.map((i32) => ({ i32 })) }],
    [3, { list: [{ text: column.name }] }],
    [4, { i32: codec }],
    [5, { i64: records }],
    [6, { i64: uncompressedBytes }],
    [7, { i64: compressedBytes }],
    [9, { i64: dataAt }],
    [11, dictionaryAt === null ? null : { i64: dictionaryAt }],
  ]
  return [
    [2, { i64: 0 }],
    [3, { struct: metadata }],
  ]
}
