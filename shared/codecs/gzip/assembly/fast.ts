import { isEnd, isInvalid, isLiteral, isTable } from './codes'
import { distanceBits, distanceTable, masks, patterns, runs, stepBytes, symbolBits, symbolTable } from './memory'
import { isSingle, literalShare } from './runs'

/** Behind what the last call wrote. */
export let written: usize = 0

const lookBytes: usize = 8
const runMask: usize = (1 << symbolBits) - 1
const distanceMask: usize = (1 << distanceBits) - 1
/**
 * From here on literals are told apart by a branch, as it is mostly guessed right. In base64, where there is nothing else, it
 * takes a third of the time; in CSV of numbers and words, where the share is 200, it takes 1.1 times as long.
 */
const muchShare: i32 = 400
/** In the place of a distance behind a run that has no match: any that lies far enough back, and takes no bits. */
const noDistance: u64 = 16 << 16

for (let distance = 1; distance < 16; distance += 1) {
  store<u8>(patterns + distance, <u8>(16 - (16 % distance)))
  for (let at = 0; at < 16; at += 1) store<u8>(patterns + (distance << 4) + at, <u8>(at % distance))
}
for (let bits: u64 = 0; bits < 32; bits += 1) store<u64>(masks + (<usize>bits << 3), (<u64>1 << bits) - 1)

/**
 * Unpacks while there is plenty of input and room, and stops before whatever is an end, a fault or too rare to be fast: the
 * slow way goes on from there. After Biggers' libdeflate: 64 bits of input are filled up without a branch (the variant 4 of
 * Giesen, "Reading bits in far too many ways", 2018), more is written than is meant, and written again.
 * @param position in bits, as is what it returns
 * @param oldest from where on matches may be taken
 */
export function unpackFast(position: i32, end: usize, out: usize, limit: usize, oldest: usize): i32 {
  const lastAt = end - lookBytes
  const lastOut = limit - stepBytes
  const areMostlyLiterals = <i32>(literalShare > muchShare)
  let at = <usize>(position >> 3)
  let to = out
  let bits: u64 = 0
  let left: u64 = 0
  if (at > lastAt) {
    written = to
    return position
  }
  // As below, without what is not ours of the first byte.
  bits = load<u64>(at) >> (position & 7)
  at += 7
  left = 56 - (position & 7)
  while (<i32>(at <= lastAt) & <i32>(to <= lastOut)) {
    // All but the lowest six bits of `left` are of no meaning here. There are enough bits for this look before they are filled up.
    const run = load<u64>(runs + ((<usize>bits & runMask) << 3))
    bits |= load<u64>(at) << left
    at += 7 - (<usize>(left >> 3) & 7)
    left |= 56
    const bitsBefore = bits
    const leftBefore = left
    const toBefore = to
    let length = <usize>((run >> 16) & 0xffff)
    store<u32>(to, <u32>(run >> 32))
    to += <usize>((run >> 8) & 0xff)
    bits >>= run
    left -= run
    if (<i32>(length == 0) & areMostlyLiterals) continue
    if (length == <usize>isSingle) {
      let entry = load<u32>(symbolTable + ((<usize>bits & runMask) << 2))
      if ((entry & isTable) != 0) {
        bits >>= symbolBits
        left -= symbolBits
        entry = load<u32>(symbolTable + (<usize>((entry >> 16) + (<u32>bits & ((1 << ((entry >> 8) & 15)) - 1))) << 2))
      }
      if ((entry & (isEnd | isInvalid)) != 0) {
        bits = bitsBefore
        left = leftBefore
        break
      }
      const total = entry & 0xff
      length = (entry >> 16) + ((<u32>bits & ((1 << total) - 1)) >> ((entry >> 8) & 15))
      bits >>= total
      left -= total
      if ((entry & isLiteral) != 0) {
        store<u8>(to, <u8>(entry >> 16))
        to += 1
        continue
      }
    }
    // No branch for what has no match: see above.
    let entry = select<u64>(noDistance, load<u32>(distanceTable + ((<usize>bits & distanceMask) << 2)), length == 0)
    if ((entry & (isInvalid | isTable)) != 0) {
      if ((entry & isTable) != 0) {
        bits >>= distanceBits
        left -= distanceBits
        const place = (entry >> 16) + (bits & ((1 << ((entry >> 8) & 15)) - 1))
        entry = load<u32>(distanceTable + (<usize>place << 2))
      }
      // Behind a long code of a length not enough bits would be left for the next look.
      if ((entry & isInvalid) != 0 || <i32>(left & 63) - <i32>(entry & 0xff) < symbolBits) {
        bits = bitsBefore
        left = leftBefore
        to = toBefore
        break
      }
    }
    const extra = (bits & load<u64>(masks + <usize>((entry & 0xff) << 3))) >> (entry >> 8)
    const distance = <usize>((entry >> 16) + extra)
    if (distance > to - oldest) {
      bits = bitsBefore
      left = leftBefore
      to = toBefore
      break
    }
    bits >>= entry
    left -= entry
    const stop = to + length
    copyMatch(to, to - distance, distance, length)
    to = stop
  }
  written = to
  return (<i32>at << 3) - <i32>(left & 63)
}

/** By whole moves; nearly all are of 32 bytes or less, from 16 or more behind. */
// @ts-ignore: a decorator of AssemblyScript
@inline
function copyMatch(start: usize, from: usize, distance: usize, length: usize): void {
  const stop = start + length
  let to = start
  if (distance >= 16) {
    v128.store(to, v128.load(from))
    v128.store(to, v128.load(from, 16), 16)
    for (let at: usize = 32; at < length; at += 16) v128.store(start + at, v128.load(from + at))
    return
  }
  const repeated = i8x16.swizzle(v128.load(from), v128.load(patterns + (distance << 4)))
  const step = load<u8>(patterns + distance)
  do {
    v128.store(to, repeated)
    to += step
  } while (to < stop)
}
