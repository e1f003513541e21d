import { corrupt } from '../corrupt.ts'
import type { Inflater } from './open-inflater.ts'
import type { PackedInput } from './packed-input.ts'

/** RFC 1952, 2.3.1. */
const flag = { headerCrc: 2, extra: 4, name: 8, comment: 0x10, reserved: 0xe0 } as const
const deflate = 8

/** What is wrong is told in the words of zlib, and as soon as zlib would. @throws source/corrupt */
export async function skipHeader(input: PackedInput, { crc32 }: Inflater): Promise<void> {
  let crc = 0
  const next = async () => {
    const byte = await input.byte()
    if (byte === -1) throw cutShort()
    crc = crc32(crc, input.at - 1, input.at)
    return byte
  }
  const twoBytes = async () => (await next()) | ((await next()) << 8)
  const skip = async (count: number) => {
    for (let left = count; left > 0; left -= 1) await next()
  }
  const skipText = async () => {
    while ((await next()) !== 0);
  }
  if ((await twoBytes()) !== 0x8b1f) throw corrupt('incorrect header check')
  const [method, flags] = [await next(), await next()]
  if (method !== deflate) throw corrupt('unknown compression method')
  if ((flags & flag.reserved) !== 0) throw corrupt('unknown header flags set')
  // The time, how it was packed, and where.
  await skip(6)
  if ((flags & flag.extra) !== 0) await skip(await twoBytes())
  if ((flags & flag.name) !== 0) await skipText()
  if ((flags & flag.comment) !== 0) await skipText()
  if ((flags & flag.headerCrc) === 0) return
  const expected = crc & 0xffff
  if ((await twoBytes()) !== expected) throw corrupt('header crc mismatch')
}

/** @throws source/corrupt */
export async function readTrailer(input: PackedInput, found: { crc: number; bytes: number }): Promise<void> {
  const fourBytes = async () => {
    let value = 0
    for (let index = 0; index < 4; index += 1) {
      const byte = await input.byte()
      if (byte === -1) throw cutShort()
      value += byte * 256 ** index
    }
    return value
  }
  if ((await fourBytes()) !== found.crc) throw corrupt('incorrect data check')
  if ((await fourBytes()) !== found.bytes % 2 ** 32) throw corrupt('incorrect length check')
}

export const cutShort = () => corrupt('unexpected end of file')
