import { bitsOf, bitsWithin, oddUpTo } from './bits'
import { ends, input, output, outputBytes, parts } from './memory'

/** Bytes of whole records of the input that the last call wrote to the output. */
export let taken: i32 = 0
/** And how many records those were. */
export let records: i32 = 0
/** The record behind them has other fields than the file. */
export let isRefused: bool = false

const carriageReturn: u8 = 0x0d
const lineFeed: i32 = 0x0a

/**
 * Writes the records of the input as `parts` says, each part with a delimiter before it but the first, until a record has
 * no end, other fields, or no room; or one that the host has to look at.
 * @param needed the fields that are picked from; `width`: those a record must have, -1 when that is not known
 * @param factor what a record needs at most is so many times its bytes, and `more`
 * @param endsInQuotes a newline ends a record in quotes too: such a one is left to the host
 * @returns bytes of the output
 */
export function project(
  length: i32,
  quote: i32,
  delimiter: i32,
  newline: i32,
  partCount: i32,
  needed: i32,
  width: i32,
  factor: i32,
  more: i32,
  endsInQuotes: bool,
): i32 {
  const quotes = i8x16.splat(<i8>quote)
  const delimiters = i8x16.splat(<i8>delimiter)
  const newlines = i8x16.splat(<i8>newline)
  let carried: u64 = 0
  let recordStart: i32 = 0
  let fields: i32 = 0
  let out = output
  taken = 0
  records = 0
  isRefused = false
  for (let at: i32 = 0; at < length; at += 64) {
    const own = bitsWithin(length - at)
    const quoteBits = bitsOf(input + at, quotes) & own
    const quoted = quoteBits == 0 ? carried : oddUpTo(quoteBits) ^ carried
    carried = <u64>((<i64>quoted) >> 63)
    const newlineBits = bitsOf(input + at, newlines)
    const hidden = endsInQuotes ? quoted & ~newlineBits : quoted
    let found = (bitsOf(input + at, delimiters) | newlineBits) & ~hidden & own
    for (; found != 0; found &= found - 1) {
      const place = at + <i32>ctz(found)
      if (!((newlineBits >> (place - at)) & 1)) {
        store<i32>(ends + (fields << 2), place)
        fields += 1
        continue
      }
      if ((quoted >> (place - at)) & 1) return <i32>(out - output)
      const end = place + 1
      if (<i32>(out - output) + factor * (end - recordStart) + more > outputBytes) return <i32>(out - output)
      const isPair =
        newline == lineFeed && place > recordStart && load<u8>(input + place - 1) == carriageReturn
      const lineEnd = isPair ? place - 1 : place
      store<i32>(ends + (fields << 2), lineEnd)
      fields += 1
      if (fields < needed || (width >= 0 && fields != width)) {
        isRefused = true
        return <i32>(out - output)
      }
      out = writeParts(out, partCount, <u8>delimiter, recordStart)
      out = copied(input + lineEnd, end - lineEnd, out)
      taken = end
      records += 1
      recordStart = end
      fields = 0
    }
  }
  return <i32>(out - output)
}

// @ts-ignore: a decorator of AssemblyScript
@inline
function writeParts(start: usize, partCount: i32, delimiter: u8, recordStart: i32): usize {
  let out = start
  for (let part: usize = parts, last = parts + 12 * partCount; part < last; part += 12) {
    if (part != parts) {
      store<u8>(out, delimiter)
      out += 1
    }
    const first = load<i32>(part)
    if (first < 0) {
      out = copied(load<i32>(part, 4), load<i32>(part, 8), out)
      continue
    }
    const from = first == 0 ? recordStart : load<i32>(ends + ((first - 1) << 2)) + 1
    out = copied(input + from, load<i32>(ends + (load<i32>(part, 4) << 2)) - from, out)
  }
  return out
}

/** By blocks of 16 bytes, of which the last may write beyond its end: what is there is written later. */
// @ts-ignore: a decorator of AssemblyScript
@inline
function copied(from: usize, bytes: i32, to: usize): usize {
  if (bytes > 256) memory.copy(to, from, bytes)
  else for (let at: i32 = 0; at < bytes; at += 16) v128.store(to + at, v128.load(from + at))
  return to + bytes
}
