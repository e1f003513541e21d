/*
 * 64 bytes are looked at as one: compared 16 at a time, with one bit of each for an answer. After Langdale and Lemire,
 * "Parsing Gigabytes of JSON per Second", VLDB Journal 28 (2019), sections 3.1.1 and 3.1.2.
 */

/** Bit i: whether byte i of the 64 at `at` is `byte`. */
// @ts-ignore: a decorator of AssemblyScript
@inline
export function bitsOf(at: usize, byte: v128): u64 {
  const first = <u64>(<u32>i8x16.bitmask(i8x16.eq(v128.load(at), byte)))
  const second = <u64>(<u32>i8x16.bitmask(i8x16.eq(v128.load(at, 16), byte)))
  const third = <u64>(<u32>i8x16.bitmask(i8x16.eq(v128.load(at, 32), byte)))
  const fourth = <u64>(<u32>i8x16.bitmask(i8x16.eq(v128.load(at, 48), byte)))
  return first | (second << 16) | (third << 32) | (fourth << 48)
}

/** Bit i: whether an odd number of the bits up to i is set. */
// @ts-ignore: a decorator of AssemblyScript
@inline
export function oddUpTo(bits: u64): u64 {
  let odd = bits ^ (bits << 1)
  odd ^= odd << 2
  odd ^= odd << 4
  odd ^= odd << 8
  odd ^= odd << 16
  return odd ^ (odd << 32)
}

/** The bits of a block that `left` bytes are left of. */
// @ts-ignore: a decorator of AssemblyScript
@inline
export function bitsWithin(left: i32): u64 {
  return left >= 64 ? ~(<u64>0) : ((<u64>1) << left) - 1
}
