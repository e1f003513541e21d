import { bitsOf, bitsWithin, oddUpTo } from './bits'
import { ends, input } from './memory'

/** -1 when the bytes of the last call ended in quotes, otherwise 0. */
export let inQuotes: i32 = 0
/** Not 0: a byte behind an end that the last call found is a backslash. The host says what lies behind the last byte. */
export let backslashes: i32 = 0

const backslash: u8 = 0x5c

/**
 * Where records end whose newlines in quotes are data, each `quote` opening or closing them.
 * @param wasInQuotes what `inQuotes` was behind the bytes before these
 * @returns how many ends there are at `ends`, each behind its newline
 */
export function findRecordEnds(length: i32, quote: i32, newline: i32, wasInQuotes: i32): i32 {
  const quotes = i8x16.splat(<i8>quote)
  const newlines = i8x16.splat(<i8>newline)
  let carried = <u64>(<i64>wasInQuotes)
  let out = ends
  backslashes = 0
  for (let at: i32 = 0; at < length; at += 64) {
    const own = bitsWithin(length - at)
    // Bits behind the last byte repeat its own, so that the highest one tells how the block ended.
    const quoteBits = bitsOf(input + at, quotes) & own
    const quoted = quoteBits == 0 ? carried : oddUpTo(quoteBits) ^ carried
    carried = <u64>((<i64>quoted) >> 63)
    for (let found = bitsOf(input + at, newlines) & ~quoted & own; found != 0; found &= found - 1) {
      const end = at + <i32>ctz(found) + 1
      store<i32>(out, end)
      backslashes |= <i32>(load<u8>(input + end) == backslash)
      out += 4
    }
  }
  inQuotes = <i32>carried
  return <i32>((out - ends) >> 2)
}

/** Where lines end, whatever their quotes. @returns how many ends there are at `ends`, each behind its newline */
export function findLineEnds(length: i32, newline: i32): i32 {
  const newlines = i8x16.splat(<i8>newline)
  let out = ends
  backslashes = 0
  for (let at: i32 = 0; at < length; at += 64) {
    for (let found = bitsOf(input + at, newlines) & bitsWithin(length - at); found != 0; found &= found - 1) {
      const end = at + <i32>ctz(found) + 1
      store<i32>(out, end)
      backslashes |= <i32>(load<u8>(input + end) == backslash)
      out += 4
    }
  }
  return <i32>((out - ends) >> 2)
}
