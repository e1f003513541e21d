import * as z from 'zod'
import { TransferError } from '../errors/index.ts'
import { gunzip } from './gzip/gunzip.ts'

/** How the bytes of a file are packed; `stored` is any file as it lies. */
export const Packing = z.enum(['gzip', 'zstd', 'stored'])
export type Packing = z.infer<typeof Packing>

/**
 * The bytes of a packed file, no faster than they are taken. Of gzip all members, each against its own checksum; what is cut
 * short or damaged is an error, never an end.
 * @param how `lent`: each piece is valid until the next is asked for, which gzip makes use of. Only gzip takes pieces that
 * are lent
 * @throws source/corrupt
 */
export async function* inflated(
  source: AsyncIterable<Uint8Array>,
  packing: Packing,
  { lent = false }: { readonly lent?: boolean } = {},
): AsyncIterable<Uint8Array> {
  if (packing === 'stored') return yield* source
  if (packing === 'zstd') {
    // Its engine is of no use to other files.
    const { unzstd } = await import('./unzstd.ts')
    return yield* unzstd(source)
  }
  if (lent) return yield* gunzip(source)
  for await (const piece of gunzip(source)) yield Buffer.from(piece)
}

/** @throws source/inflates-too-much as soon as more bytes came than are allowed */
export async function* atMost(
  source: AsyncIterable<Uint8Array>,
  maxBytes: number,
  packedBytes: number,
): AsyncIterable<Uint8Array> {
  let bytes = 0
  for await (const piece of source) {
    bytes += piece.length
    if (bytes > maxBytes) {
      const message = `${packedBytes} compressed bytes hold more than the ${maxBytes} that maxInflateRatio allows`
      throw new TransferError('source/inflates-too-much', message, { packedBytes, maxBytes })
    }
    yield piece
  }
}

/** Without its first bytes. */
export async function* skipBytes(source: AsyncIterable<Uint8Array>, count: number): AsyncIterable<Uint8Array> {
  let left = count
  for await (const piece of source) {
    if (left === 0) yield piece
    else if (piece.length > left) {
      yield piece.subarray(left)
      left = 0
    } else left -= piece.length
  }
}

/** No more than that is asked of the source. */
export async function* firstBytes(source: AsyncIterable<Uint8Array>, count: number): AsyncIterable<Uint8Array> {
  let left = count
  if (left === 0) return
  for await (const piece of source) {
    yield piece.subarray(0, left)
    left -= Math.min(left, piece.length)
    if (left === 0) return
  }
}

/** The beginning of a file, and whether that is all of it; the rest is not read. */
export async function headOf(
  source: AsyncIterable<Uint8Array>,
  maxBytes: number,
): Promise<{ head: Buffer; isWhole: boolean }> {
  const pieces: Uint8Array[] = []
  let bytes = 0
  for await (const piece of source) {
    pieces.push(piece)
    bytes += piece.length
    if (bytes > maxBytes) return { head: Buffer.concat(pieces), isWhole: false }
  }
  return { head: Buffer.concat(pieces), isWhole: true }
}
