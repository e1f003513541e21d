import { brotliDecompressSync, gunzipSync } from 'node:zlib'
import { TransferError } from '../../errors/index.ts'
import { uncompressLz4, uncompressLz4Hadoop } from './lz4.ts'

/** The bytes of a page, of which there must be `length`. @throws an Error of any kind for what is not of the codec */
export type Decompress = (bytes: Buffer, length: number) => Buffer

const names = ['UNCOMPRESSED', 'SNAPPY', 'GZIP', 'LZO', 'BROTLI', 'LZ4', 'ZSTD', 'LZ4_RAW'] as const

/** Engines are loaded when a file asks for them. @throws job/unsupported for a codec that is not read */
export async function decompressorOf(codec: number): Promise<Decompress> {
  const name = names[codec]
  if (name === undefined || name === 'LZO')
    throw new TransferError(
      'job/unsupported',
      `pages are compressed with ${name ?? `codec ${codec}`}; write them with snappy or zstd`,
    )
  const decompress = await openCodec(name)
  return (bytes, length) => {
    const found = decompress(bytes, length)
    if (found.length !== length)
      throw new RangeError(`a page of ${length} bytes was compressed, ${found.length} came out`)
    return found
  }
}

async function openCodec(name: Exclude<(typeof names)[number], 'LZO'>): Promise<Decompress> {
  if (name === 'SNAPPY') return await openSnappy()
  if (name === 'ZSTD') return await openZstd()
  // Bounded by what the page says of itself: a page that is a bomb is refused while it unfolds.
  if (name === 'GZIP') return (bytes, length) => gunzipSync(bytes, { maxOutputLength: Math.max(1, length) })
  if (name === 'BROTLI') return (bytes, length) => brotliDecompressSync(bytes, { maxOutputLength: Math.max(1, length) })
  if (name === 'LZ4') return uncompressLz4Hadoop
  return name === 'LZ4_RAW' ? uncompressLz4 : (bytes) => bytes
}

async function openSnappy(): Promise<Decompress> {
  const { snappyUncompressor } = await import('hysnappy')
  const uncompress = snappyUncompressor()
  return (bytes, length) => {
    // The engine goes by what the bytes say, and would write behind the room that was made for `length`.
    if (snappyLength(bytes) !== length) throw new RangeError('a page says two sizes of itself')
    return bufferOf(uncompress(bytes, length))
  }
}

function snappyLength(bytes: Buffer): number {
  let length = 0
  for (let at = 0; at < 5; at += 1) {
    const byte = bytes[at] ?? 0
    length += (byte & 127) * 128 ** at
    if (byte < 128) break
  }
  return length
}

async function openZstd(): Promise<Decompress> {
  const { decompress } = await import('fzstd')
  return (bytes) => bufferOf(decompress(bytes))
}

const bufferOf = (bytes: Uint8Array) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
