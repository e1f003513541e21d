import { Decompress } from 'fzstd'
import xxhash from 'xxhash-wasm'
import { TransferError } from '../errors/index.ts'
import { type ByteReader, byteReader } from './byte-reader.ts'
import { corrupt } from './corrupt.ts'

const frameMagic = 0xfd2fb528
/** RFC 8878 §3.1.2: the last four bits are free. */
const skippableMagic = 0x184d2a50

/** What `zstd` makes without `--ultra --long` is at most 8 MiB; the window is held in memory. */
const maxWindowBytes = 32 * 1024 * 1024

/**
 * Inflates zstd, any number of frames one behind the other. The engine is fzstd, which neither looks at checksums nor
 * bounds the window; so the frames are walked here (RFC 8878 §3.1), block by block, and both are checked.
 * @throws source/corrupt; job/unsupported for a window that is too large or a dictionary
 */
export async function* unzstd(source: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  await using reader = byteReader(source)
  for (let frames = 0; ; frames += 1) {
    const magic = await reader.take(4)
    if (magic.length === 0 && frames > 0) return
    if (magic.length < 4) throw corrupt('it ends within the head of a frame')
    const kind = magic.readUInt32LE()
    if (kind === frameMagic) yield* inflateFrame(reader, magic)
    else if ((kind & ~0xf) >>> 0 === skippableMagic) await skipFrame(reader)
    else throw corrupt('it is not zstd')
  }
}

async function skipFrame(reader: ByteReader): Promise<void> {
  const size = (await exactly(reader, 4)).readUInt32LE()
  for (let left = size; left > 0; ) left -= (await exactly(reader, Math.min(left, 64 * 1024))).length
}

async function* inflateFrame(reader: ByteReader, magic: Buffer): AsyncIterable<Uint8Array> {
  const { bytes, hasChecksum, contentBytes } = await readHeader(reader)
  const hash = hasChecksum ? (await xxhash()).create64() : null
  const ready: Uint8Array[] = []
  const engine = new Decompress((piece) => {
    if (piece.length > 0) ready.push(piece)
  })
  let inflatedBytes = 0
  let checksum: Buffer = Buffer.alloc(0)
  engine.push(Buffer.concat([magic, bytes]))
  for (let isLast = false; !isLast; ) {
    const block = await readBlock(reader)
    isLast = block.isLast
    if (isLast && hasChecksum) checksum = await exactly(reader, 4)
    // The engine waits for 18 bytes unless it is told that no more come.
    pushTo(engine, Buffer.concat([block.bytes, checksum]), isLast)
    for (const piece of ready.splice(0)) {
      inflatedBytes += piece.length
      hash?.update(piece)
      yield piece
    }
  }
  if (contentBytes !== null && BigInt(inflatedBytes) !== contentBytes)
    throw corrupt(`a frame holds ${inflatedBytes} bytes and says ${contentBytes}`)
  if (hash !== null && Number(hash.digest() & 0xffffffffn) !== checksum.readUInt32LE())
    throw corrupt('incorrect checksum of a frame')
}

/** fzstd throws errors of its own, and of JavaScript where damaged bytes lead it astray. */
function pushTo(engine: Decompress, bytes: Buffer, isLast: boolean): void {
  try {
    engine.push(bytes, isLast)
  } catch (error) {
    throw corrupt(error instanceof Error ? error.message : String(error))
  }
}

interface FrameHeader {
  /** Behind the magic number. */
  readonly bytes: Buffer
  readonly hasChecksum: boolean
  readonly contentBytes: bigint | null
}

/** RFC 8878 §3.1.1.1. */
async function readHeader(reader: ByteReader): Promise<FrameHeader> {
  const first = await exactly(reader, 1)
  const descriptor = first.readUInt8()
  const isSingle = (descriptor & 0x20) !== 0
  if ((descriptor & 8) !== 0) throw corrupt('a reserved bit is set')
  if ((descriptor & 3) !== 0) throw unsupported('was packed with a dictionary')
  const sizeBytes = [isSingle ? 1 : 0, 2, 4, 8][descriptor >> 6] ?? 0
  const rest = await exactly(reader, (isSingle ? 0 : 1) + sizeBytes)
  const contentBytes = sizeBytes === 0 ? null : contentSize(rest.subarray(rest.length - sizeBytes))
  const windowBytes = isSingle ? Number(contentBytes) : windowSize(rest.readUInt8())
  if (windowBytes > maxWindowBytes)
    throw unsupported(
      `was packed with a window of ${windowBytes} bytes, at most ${maxWindowBytes} are held; pack it without --long`,
    )
  return { bytes: Buffer.concat([first, rest]), hasChecksum: (descriptor & 4) !== 0, contentBytes }
}

function contentSize(bytes: Buffer): bigint {
  const value = bytes.length === 8 ? bytes.readBigUInt64LE() : BigInt(bytes.readUIntLE(0, bytes.length))
  return bytes.length === 2 ? value + 256n : value
}

function windowSize(descriptor: number): number {
  const base = 2 ** (10 + (descriptor >> 3))
  return base + (base / 8) * (descriptor & 7)
}

/** RFC 8878 §3.1.1.2: a block that repeats one byte holds that alone. */
async function readBlock(reader: ByteReader): Promise<{ bytes: Buffer; isLast: boolean }> {
  const header = await exactly(reader, 3)
  const value = header.readUIntLE(0, 3)
  const size = ((value >> 1) & 3) === 1 ? 1 : value >> 3
  return { bytes: Buffer.concat([header, await exactly(reader, size)]), isLast: (value & 1) === 1 }
}

async function exactly(reader: ByteReader, count: number): Promise<Buffer> {
  const bytes = await reader.take(count)
  if (bytes.length < count) throw corrupt('it ends within a frame')
  return bytes
}

const unsupported = (what: string) => new TransferError('job/unsupported', `the zstd file ${what}`)
