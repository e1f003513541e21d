import { counts, distanceMeanings, lengthMeanings, places, sorted, symbolMeanings } from './memory'

/*
 * An entry of a table: in bits 0 to 7 how many bits it takes, in 8 to 11 how many of them are the code (the others are added
 * to its value), in 12 to 15 what it is, from 16 on its value. A length or a distance has none of the marks.
 */
export const isLiteral: u32 = 0x1000
export const isEnd: u32 = 0x2000
export const isInvalid: u32 = 0x4000
/** Of a code that is longer: its value is where its table begins, its code bits are those that the table is asked with. */
export const isTable: u32 = 0x8000

/** One bit of a code. */
const bit: u32 = 0x101
const longest: i32 = 15

// RFC 1951, 3.2.5: symbols from 257 on are lengths; 286, 287 and distances 30, 31 have codes and no meaning.
for (let symbol: u32 = 0; symbol < 256; symbol += 1) store<u32>(symbolMeanings + 4 * symbol, (symbol << 16) | isLiteral)
store<u32>(symbolMeanings + 4 * 256, isEnd)
for (let symbol: u32 = 0, base: u32 = 3; symbol < 28; symbol += 1) {
  const extra: u32 = symbol < 8 ? 0 : (symbol >> 2) - 1
  store<u32>(symbolMeanings + 4 * (257 + symbol), (base << 16) | extra)
  base += 1 << extra
}
store<u32>(symbolMeanings + 4 * 285, 258 << 16)
store<u32>(symbolMeanings + 4 * 286, isInvalid)
store<u32>(symbolMeanings + 4 * 287, isInvalid)
for (let symbol: u32 = 0, base: u32 = 1; symbol < 30; symbol += 1) {
  const extra: u32 = symbol < 4 ? 0 : (symbol >> 1) - 1
  store<u32>(distanceMeanings + 4 * symbol, (base << 16) | extra)
  base += 1 << extra
}
store<u32>(distanceMeanings + 4 * 30, isInvalid)
store<u32>(distanceMeanings + 4 * 31, isInvalid)
for (let symbol: u32 = 0; symbol < 19; symbol += 1) store<u32>(lengthMeanings + 4 * symbol, symbol << 16)

/**
 * Makes the table of a code from the lengths of its codewords (RFC 1951, 3.2.2).
 * @param tableBits a table for longer codes follows behind so many bits
 * @param mayBeOne a code of a single word, of one bit, may leave the other without a meaning, as one without words does
 * @returns whether it is a code: each word has one meaning
 */
export function makeTable(
  from: usize,
  count: i32,
  meanings: usize,
  table: usize,
  tableBits: i32,
  mayBeOne: bool,
): bool {
  memory.fill(counts, 0, 64)
  for (let symbol = 0; symbol < count; symbol += 1) {
    const at = counts + (<usize>load<u8>(from + symbol) << 2)
    store<u32>(at, load<u32>(at) + 1)
  }
  store<u32>(counts, 0)
  let free: i32 = 1
  let most: i32 = 0
  let place: i32 = 0
  for (let length = 1; length <= longest; length += 1) {
    const own = load<i32>(counts + (length << 2))
    free = (free << 1) - own
    if (free < 0) return false
    if (own > 0) most = length
    store<i32>(places + (length << 2), place)
    place += own
  }
  if (free > 0 && (most > 1 || (most == 1 && !mayBeOne))) return false
  sort(from, count)
  if (free > 0) {
    const meant = most == 0 ? isInvalid | bit : load<u32>(meanings + (<usize>load<u16>(sorted) << 2)) + bit
    for (let word = 0; word < 1 << tableBits; word += 2) {
      store<u32>(table + (word << 2), meant)
      store<u32>(table + (word << 2), isInvalid | bit, 4)
    }
    return true
  }
  fill(meanings, table, tableBits, most)
  return true
}

/** Symbols by the length of their words. */
function sort(from: usize, count: i32): void {
  for (let symbol = 0; symbol < count; symbol += 1) {
    const length = load<u8>(from + symbol)
    if (length == 0) continue
    const at = places + (<usize>length << 2)
    const place = load<i32>(at)
    store<i32>(at, place + 1)
    store<u16>(sorted + (place << 1), <u16>symbol)
  }
}

/** Words are read from their first bit, so a table of n bits twice is one of n + 1. */
function fill(meanings: usize, table: usize, tableBits: i32, most: i32): void {
  const size = 1 << tableBits
  let word: u32 = 0
  let next = sorted
  let filled: i32 = 1
  for (let length = 1; length <= tableBits; length += 1, filled <<= 1) {
    memory.copy(table + (filled << 2), table, filled << 2)
    for (let own = load<i32>(counts + (length << 2)); own > 0; own -= 1, next += 2) {
      store<u32>(table + (word << 2), load<u32>(meanings + (<usize>load<u16>(next) << 2)) + bit * <u32>length)
      word = after(word, length)
    }
  }
  let behind = table + (size << 2)
  let long = behind
  let longBits: i32 = 0
  let head: i32 = -1
  for (let length = tableBits + 1; length <= most; length += 1) {
    for (let own = load<i32>(counts + (length << 2)); own > 0; own -= 1, next += 2) {
      if (<i32>(word & (size - 1)) != head) {
        head = word & (size - 1)
        longBits = bitsFor(length - tableBits, own, tableBits, most)
        long = behind
        behind += 4 << longBits
        const start = <u32>((long - table) >> 2)
        store<u32>(table + (head << 2), (start << 16) | isTable | (<u32>longBits << 8) | tableBits)
      }
      const meant = load<u32>(meanings + (<usize>load<u16>(next) << 2)) + bit * <u32>(length - tableBits)
      for (let rest = word >> tableBits; rest < <u32>(1 << longBits); rest += 1 << (length - tableBits))
        store<u32>(long + (rest << 2), meant)
      word = after(word, length)
    }
  }
}

/** How many bits all words need that begin alike, of which `own` of the shortest are left. */
function bitsFor(least: i32, own: i32, tableBits: i32, most: i32): i32 {
  let bits = least
  for (let free = (1 << bits) - own; free > 0 && tableBits + bits < most; ) {
    bits += 1
    free = (free << 1) - load<i32>(counts + ((tableBits + bits) << 2))
  }
  return bits
}

/** The next word of the same length, its first bit lowest; 0 behind the last. */
function after(word: u32, length: i32): u32 {
  let bit: u32 = 1 << (length - 1)
  while ((word & bit) != 0) bit >>= 1
  return bit == 0 ? 0 : (word & (bit - 1)) | bit
}
