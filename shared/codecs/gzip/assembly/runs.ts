import { isLiteral } from './codes'
import { runs, symbolBits, symbolTable } from './memory'

/** In the place of the length of a run that the table of symbols has to be asked for. */
export const isSingle: u64 = 0x200

/** Of a thousand that the next bits may be, how many are literals without a match behind them. */
export let literalShare: i32 = 0

/**
 * What the next `symbolBits` hold of whole symbols: up to four literals, and a match behind them. Most matches follow on one
 * literal or none, so literals and matches are seldom told apart by a branch, which processors guess wrong.
 *
 * An entry has in bits 0 to 7 how many bits it takes, in 8 to 15 how many literals, in 16 to 31 the length of the match or
 * 0, from 32 on the literals.
 */
export function makeRuns(): void {
  let alone: i32 = 0
  for (let word: u32 = 0; word < 1 << symbolBits; word += 1) {
    let bits: u32 = 0
    let count: u32 = 0
    let literals: u64 = 0
    let length: u64 = 0
    while (true) {
      const entry = load<u32>(symbolTable + ((word >> bits) << 2))
      const end = bits + (entry & 0xff)
      if (end > <u32>symbolBits) break
      if ((entry & isLiteral) == 0) {
        if ((entry & 0xf000) != 0) break
        const extra = (word & ((1 << end) - 1)) >> (bits + ((entry >> 8) & 15))
        length = (entry >> 16) + extra
        bits = end
        break
      }
      if (count == 4) break
      literals |= <u64>(entry >> 16) << (count << 3)
      count += 1
      bits = end
    }
    if (bits == 0) length = isSingle
    else if (length == 0) alone += 1
    store<u64>(runs + (word << 3), (literals << 32) | (length << 16) | (count << 8) | bits)
  }
  literalShare = (1000 * alone) >> symbolBits
}
