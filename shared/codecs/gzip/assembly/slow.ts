import { distance as badDistance, needsInput, symbol as badSymbol, tooFarBack } from './answers'
import { isEnd, isInvalid, isLiteral, isTable } from './codes'
import { distanceBits, distanceTable, symbolBits, symbolTable } from './memory'

/** Behind what the last call wrote, and whether that came to the end of the block. */
export let written: usize = 0
export let isBlockEnd: bool = false

/** Up to 57 bits, whatever lies behind the input. */
// @ts-ignore: a decorator of AssemblyScript
@inline
function lookAt(position: i32): u64 {
  return load<u64>(position >> 3) >> (position & 7)
}

/** The entry for the next word, its bits those from the beginning of a longer one. */
function entryAt(table: usize, tableBits: i32, position: i32): u32 {
  const bits = <u32>lookAt(position)
  const entry = load<u32>(table + (<usize>(bits & ((1 << tableBits) - 1)) << 2))
  if ((entry & isTable) == 0) return entry
  const rest = (bits >> tableBits) & ((1 << ((entry >> 8) & 15)) - 1)
  return load<u32>(table + (<usize>((entry >> 16) + rest) << 2)) + 0x101 * <u32>tableBits
}

/** @returns below `end`, the bits of an entry are there; a word that has no meaning is one as soon as it is there */
// @ts-ignore: a decorator of AssemblyScript
@inline
function isThere(entry: u32, position: i32, end: i32): bool {
  return position + <i32>((entry & isInvalid) != 0 ? (entry >> 8) & 15 : entry & 0xff) <= end
}

// @ts-ignore: a decorator of AssemblyScript
@inline
function valueAt(entry: u32, position: i32): u32 {
  const bits = <u32>lookAt(position) & ((1 << (entry & 0xff)) - 1)
  return (entry >> 16) + (bits >> ((entry >> 8) & 15))
}

/**
 * Unpacks one symbol, or a length and its distance, near the ends of what is there, and tells what is wrong.
 * @param position in bits, as is `end`
 * @returns the position behind it, or an answer
 */
export function unpackOne(position: i32, end: i32, out: usize, oldest: usize): i32 {
  written = out
  isBlockEnd = false
  const symbol = entryAt(symbolTable, symbolBits, position)
  if (!isThere(symbol, position, end)) return needsInput
  if ((symbol & isInvalid) != 0) return badSymbol
  const behind = position + <i32>(symbol & 0xff)
  if ((symbol & isEnd) != 0) {
    isBlockEnd = true
    return behind
  }
  if ((symbol & isLiteral) != 0) {
    store<u8>(out, <u8>(symbol >> 16))
    written = out + 1
    return behind
  }
  const distance = entryAt(distanceTable, distanceBits, behind)
  if (!isThere(distance, behind, end)) return needsInput
  if ((distance & isInvalid) != 0) return badDistance
  const back = <usize>valueAt(distance, behind)
  if (back > out - oldest) return tooFarBack
  const length = <usize>valueAt(symbol, position)
  for (let at = out; at < out + length; at += 1) store<u8>(at, load<u8>(at - back))
  written = out + length
  return behind + <i32>(distance & 0xff)
}
