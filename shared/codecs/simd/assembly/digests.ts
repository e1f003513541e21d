import { tableEntries } from './crc64'
import { input, md5State } from './memory'

// RFC 1321, section 3.4: what a step of each of the four rounds does, `b` being what the step before has made.
// @ts-ignore: a decorator of AssemblyScript
@inline
function first(a: u32, b: u32, c: u32, d: u32, word: u32, constant: u32, bits: u32): u32 {
  return b + rotl<u32>(a + word + constant + (d ^ (b & (c ^ d))), bits)
}
// @ts-ignore: a decorator of AssemblyScript
@inline
function second(a: u32, b: u32, c: u32, d: u32, word: u32, constant: u32, bits: u32): u32 {
  return b + rotl<u32>(a + word + constant + (~d & c) + (d & b), bits)
}
// @ts-ignore: a decorator of AssemblyScript
@inline
function third(a: u32, b: u32, c: u32, d: u32, word: u32, constant: u32, bits: u32): u32 {
  return b + rotl<u32>(a + word + constant + (c ^ d ^ b), bits)
}
// @ts-ignore: a decorator of AssemblyScript
@inline
function fourth(a: u32, b: u32, c: u32, d: u32, word: u32, constant: u32, bits: u32): u32 {
  return b + rotl<u32>(a + word + constant + (c ^ (b | ~d)), bits)
}

/**
 * MD5 and CRC-64 of the same bytes. Each step of MD5 waits for the one before it, which leaves a core half idle: what the CRC
 * looks up meanwhile costs a third of what it costs alone.
 * @param length a multiple of 64
 * @returns the register of the CRC; MD5's is where it was
 */
export function updateDigests(register: u64, length: i32): u64 {
  let a = load<u32>(md5State)
  let b = load<u32>(md5State, 4)
  let c = load<u32>(md5State, 8)
  let d = load<u32>(md5State, 12)
  let now = register
  const stop = input + length
  for (let at = input; at < stop; at += 64) {
    const e = a
    const f = b
    const g = c
    const h = d
    let low = load<u64>(at) ^ now
    let high = load<u64>(at, 8)
    a = first(a, b, c, d, load<u32>(at), 0xd76aa478, 7)
    d = first(d, a, b, c, load<u32>(at, 4), 0xe8c7b756, 12)
    c = first(c, d, a, b, load<u32>(at, 8), 0x242070db, 17)
    b = first(b, c, d, a, load<u32>(at, 12), 0xc1bdceee, 22)
    let entries = tableEntries(12, low, 0)
    a = first(a, b, c, d, load<u32>(at, 16), 0xf57c0faf, 7)
    d = first(d, a, b, c, load<u32>(at, 20), 0x4787c62a, 12)
    c = first(c, d, a, b, load<u32>(at, 24), 0xa8304613, 17)
    b = first(b, c, d, a, load<u32>(at, 28), 0xfd469501, 22)
    entries ^= tableEntries(8, low, 32)
    a = first(a, b, c, d, load<u32>(at, 32), 0x698098d8, 7)
    d = first(d, a, b, c, load<u32>(at, 36), 0x8b44f7af, 12)
    c = first(c, d, a, b, load<u32>(at, 40), 0xffff5bb1, 17)
    b = first(b, c, d, a, load<u32>(at, 44), 0x895cd7be, 22)
    entries ^= tableEntries(4, high, 0)
    a = first(a, b, c, d, load<u32>(at, 48), 0x6b901122, 7)
    d = first(d, a, b, c, load<u32>(at, 52), 0xfd987193, 12)
    c = first(c, d, a, b, load<u32>(at, 56), 0xa679438e, 17)
    b = first(b, c, d, a, load<u32>(at, 60), 0x49b40821, 22)
    now = entries ^ tableEntries(0, high, 32)

    low = load<u64>(at, 16) ^ now
    high = load<u64>(at, 24)
    a = second(a, b, c, d, load<u32>(at, 4), 0xf61e2562, 5)
    d = second(d, a, b, c, load<u32>(at, 24), 0xc040b340, 9)
    c = second(c, d, a, b, load<u32>(at, 44), 0x265e5a51, 14)
    b = second(b, c, d, a, load<u32>(at), 0xe9b6c7aa, 20)
    entries = tableEntries(12, low, 0)
    a = second(a, b, c, d, load<u32>(at, 20), 0xd62f105d, 5)
    d = second(d, a, b, c, load<u32>(at, 40), 0x02441453, 9)
    c = second(c, d, a, b, load<u32>(at, 60), 0xd8a1e681, 14)
    b = second(b, c, d, a, load<u32>(at, 16), 0xe7d3fbc8, 20)
    entries ^= tableEntries(8, low, 32)
    a = second(a, b, c, d, load<u32>(at, 36), 0x21e1cde6, 5)
    d = second(d, a, b, c, load<u32>(at, 56), 0xc33707d6, 9)
    c = second(c, d, a, b, load<u32>(at, 12), 0xf4d50d87, 14)
    b = second(b, c, d, a, load<u32>(at, 32), 0x455a14ed, 20)
    entries ^= tableEntries(4, high, 0)
    a = second(a, b, c, d, load<u32>(at, 52), 0xa9e3e905, 5)
    d = second(d, a, b, c, load<u32>(at, 8), 0xfcefa3f8, 9)
    c = second(c, d, a, b, load<u32>(at, 28), 0x676f02d9, 14)
    b = second(b, c, d, a, load<u32>(at, 48), 0x8d2a4c8a, 20)
    now = entries ^ tableEntries(0, high, 32)

    low = load<u64>(at, 32) ^ now
    high = load<u64>(at, 40)
    a = third(a, b, c, d, load<u32>(at, 20), 0xfffa3942, 4)
    d = third(d, a, b, c, load<u32>(at, 32), 0x8771f681, 11)
    c = third(c, d, a, b, load<u32>(at, 44), 0x6d9d6122, 16)
    b = third(b, c, d, a, load<u32>(at, 56), 0xfde5380c, 23)
    entries = tableEntries(12, low, 0)
    a = third(a, b, c, d, load<u32>(at, 4), 0xa4beea44, 4)
    d = third(d, a, b, c, load<u32>(at, 16), 0x4bdecfa9, 11)
    c = third(c, d, a, b, load<u32>(at, 28), 0xf6bb4b60, 16)
    b = third(b, c, d, a, load<u32>(at, 40), 0xbebfbc70, 23)
    entries ^= tableEntries(8, low, 32)
    a = third(a, b, c, d, load<u32>(at, 52), 0x289b7ec6, 4)
    d = third(d, a, b, c, load<u32>(at), 0xeaa127fa, 11)
    c = third(c, d, a, b, load<u32>(at, 12), 0xd4ef3085, 16)
    b = third(b, c, d, a, load<u32>(at, 24), 0x04881d05, 23)
    entries ^= tableEntries(4, high, 0)
    a = third(a, b, c, d, load<u32>(at, 36), 0xd9d4d039, 4)
    d = third(d, a, b, c, load<u32>(at, 48), 0xe6db99e5, 11)
    c = third(c, d, a, b, load<u32>(at, 60), 0x1fa27cf8, 16)
    b = third(b, c, d, a, load<u32>(at, 8), 0xc4ac5665, 23)
    now = entries ^ tableEntries(0, high, 32)

    low = load<u64>(at, 48) ^ now
    high = load<u64>(at, 56)
    a = fourth(a, b, c, d, load<u32>(at), 0xf4292244, 6)
    d = fourth(d, a, b, c, load<u32>(at, 28), 0x432aff97, 10)
    c = fourth(c, d, a, b, load<u32>(at, 56), 0xab9423a7, 15)
    b = fourth(b, c, d, a, load<u32>(at, 20), 0xfc93a039, 21)
    entries = tableEntries(12, low, 0)
    a = fourth(a, b, c, d, load<u32>(at, 48), 0x655b59c3, 6)
    d = fourth(d, a, b, c, load<u32>(at, 12), 0x8f0ccc92, 10)
    c = fourth(c, d, a, b, load<u32>(at, 40), 0xffeff47d, 15)
    b = fourth(b, c, d, a, load<u32>(at, 4), 0x85845dd1, 21)
    entries ^= tableEntries(8, low, 32)
    a = fourth(a, b, c, d, load<u32>(at, 32), 0x6fa87e4f, 6)
    d = fourth(d, a, b, c, load<u32>(at, 60), 0xfe2ce6e0, 10)
    c = fourth(c, d, a, b, load<u32>(at, 24), 0xa3014314, 15)
    b = fourth(b, c, d, a, load<u32>(at, 52), 0x4e0811a1, 21)
    entries ^= tableEntries(4, high, 0)
    a = fourth(a, b, c, d, load<u32>(at, 16), 0xf7537e82, 6)
    d = fourth(d, a, b, c, load<u32>(at, 44), 0xbd3af235, 10)
    c = fourth(c, d, a, b, load<u32>(at, 8), 0x2ad7d2bb, 15)
    b = fourth(b, c, d, a, load<u32>(at, 36), 0xeb86d391, 21)
    now = entries ^ tableEntries(0, high, 32)

    a += e
    b += f
    c += g
    d += h
  }
  store<u32>(md5State, a)
  store<u32>(md5State, b, 4)
  store<u32>(md5State, c, 8)
  store<u32>(md5State, d, 12)
  return now
}
