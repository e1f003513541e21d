import { crcTables } from './memory'

/** CRC-32 of RFC 1952, reflected. */
const polynomial: u32 = 0xedb88320
const tableBytes: usize = 256 * 4

// Table n is for a byte that n others of a step follow.
for (let byte: usize = 0; byte < 256; byte += 1) {
  let entry = <u32>byte
  for (let bit = 0; bit < 8; bit += 1) entry = (entry >> 1) ^ (polynomial & (0 - (entry & 1)))
  store<u32>(crcTables + (byte << 2), entry)
}
for (let at = crcTables + tableBytes; at < crcTables + 16 * tableBytes; at += 4) {
  const before = load<u32>(at - tableBytes)
  store<u32>(at, (before >> 8) ^ load<u32>(crcTables + (<usize>(before & 0xff) << 2)))
}

// @ts-ignore: a decorator of AssemblyScript
@inline
function entryOf(table: usize, word: u64, shift: u64): u32 {
  return load<u32>(crcTables + table * tableBytes + (<usize>((word >> shift) & 0xff) << 2))
}

/** Slicing by 16, as ../../simd/assembly/crc64.ts. @param before the CRC of what lies before, 0 of nothing */
export function crc32(before: u32, from: usize, to: usize): u32 {
  let now = ~before
  let at = from
  for (; at + 16 <= to; at += 16) {
    const low = load<u64>(at) ^ now
    const high = load<u64>(at, 8)
    now =
      entryOf(15, low, 0) ^ entryOf(14, low, 8) ^ entryOf(13, low, 16) ^ entryOf(12, low, 24) ^
      entryOf(11, low, 32) ^ entryOf(10, low, 40) ^ entryOf(9, low, 48) ^ entryOf(8, low, 56) ^
      entryOf(7, high, 0) ^ entryOf(6, high, 8) ^ entryOf(5, high, 16) ^ entryOf(4, high, 24) ^
      entryOf(3, high, 32) ^ entryOf(2, high, 40) ^ entryOf(1, high, 48) ^ entryOf(0, high, 56)
  }
  for (; at < to; at += 1) now = entryOf(0, now ^ load<u8>(at), 0) ^ (now >> 8)
  return ~now
}
