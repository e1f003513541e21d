import { input, tables } from './memory'

/** CRC-64/XZ, which OSS sends as `x-oss-hash-crc64ecma`, reflected. */
const polynomial: u64 = 0xc96c5795d7870f42
const tableBytes: usize = 256 * 8

// Table n is for a byte that n others of a step follow.
for (let byte: usize = 0; byte < 256; byte += 1) {
  let entry = <u64>byte
  for (let bit = 0; bit < 8; bit += 1) entry = (entry >> 1) ^ (polynomial & (0 - (entry & 1)))
  store<u64>(tables + (byte << 3), entry)
}
for (let at = tables + tableBytes; at < tables + 16 * tableBytes; at += 8) {
  const before = load<u64>(at - tableBytes)
  store<u64>(at, (before >> 8) ^ load<u64>(tables + (<usize>(before & 0xff) << 3)))
}

// @ts-ignore: a decorator of AssemblyScript
@inline
function entryOf(table: usize, word: u64, shift: u64): u64 {
  return load<u64>(tables + table * tableBytes + (<usize>((word >> shift) & 0xff) << 3))
}

/**
 * Slicing by 16: Kounavis and Berry, "Novel Table Lookup-Based Algorithms for High-Performance CRC Generation", IEEE
 * Transactions on Computers 57 (2008).
 * @param register all ones at the beginning, inverted at the end
 */
export function updateCrc64(register: u64, length: i32): u64 {
  const stop = input + length
  let now = register
  let at = input
  for (; at + 16 <= stop; at += 16) {
    const low = load<u64>(at) ^ now
    const high = load<u64>(at, 8)
    now =
      entryOf(15, low, 0) ^ entryOf(14, low, 8) ^ entryOf(13, low, 16) ^ entryOf(12, low, 24) ^
      entryOf(11, low, 32) ^ entryOf(10, low, 40) ^ entryOf(9, low, 48) ^ entryOf(8, low, 56) ^
      entryOf(7, high, 0) ^ entryOf(6, high, 8) ^ entryOf(5, high, 16) ^ entryOf(4, high, 24) ^
      entryOf(3, high, 32) ^ entryOf(2, high, 40) ^ entryOf(1, high, 48) ^ entryOf(0, high, 56)
  }
  for (; at < stop; at += 1) now = entryOf(0, now ^ load<u8>(at), 0) ^ (now >> 8)
  return now
}
