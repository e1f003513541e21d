import { gzipSync } from 'node:zlib'

export const compressions = ['snappy', 'zstd', 'gzip', 'none'] as const
export type Compression = (typeof compressions)[number]

export interface Compressor {
  /** Its number in parquet.thrift, CompressionCodec. */
  readonly codec: number
  compress(bytes: Buffer): Buffer
}

const bufferOf = (bytes: Uint8Array) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)

/** Level 1 of zstd and gzip: each higher one costs twice the time for a twentieth of the size (perf.md §4). */
export async function openCompressor(compression: Compression): Promise<Compressor> {
  if (compression === 'none') return { codec: 0, compress: (bytes) => bytes }
  if (compression === 'gzip') return { codec: 2, compress: (bytes) => gzipSync(bytes, { level: 1 }) }
  if (compression === 'zstd') {
    const { Zstd } = await import('@hpcc-js/wasm-zstd')
    const zstd = await Zstd.load()
    return { codec: 6, compress: (bytes) => bufferOf(zstd.compress(bytes, 1)) }
  }
  const { snappyCompressor } = await import('hysnappy')
  const compress = snappyCompressor()
  return { codec: 1, compress: (bytes) => bufferOf(compress(bytes)) }
}
