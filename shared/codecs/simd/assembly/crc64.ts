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

/** What four bytes of `word` from bit `shift` on give, of which the last is looked up in table `last`. */
// @ts-ignore: a decorator of AssemblyScript
@inline
export function tableEntries(last: usize, word: u64, shift: u64): u64 {
  return (
    entryOf(last + 3, word, shift) ^ entryOf(last + 2, word, shift + 8) ^
    entryOf(last + 1, word, shift + 16) ^ entryOf(last, word, shift + 24)
  )
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
    now = tableEntries(12, low, 0) ^ tableEntries(8, low, 32) ^ tableEntries(4, high, 0) ^ tableEntries(0, high, 32)
  }
  for (; at < stop; at += 1) now = entryOf(0, now ^ load<u8>(at), 0) ^ (now >> 8)
  return now
}
