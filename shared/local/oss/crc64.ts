/*
 * CRC-64/XZ, which OSS sends as `x-oss-hash-crc64ecma`: polynomial 0xC96C5795D7870F42, reflected. Kept as two 32-bit halves,
 * because BigInt arithmetic is some hundred times slower; eight bytes a step ("slicing by 8").
 */

const polynomialHigh = 0xc96c5795
const polynomialLow = 0xd7870f42

const tables = makeTables()

function makeTables(): { high: Uint32Array; low: Uint32Array } {
  const high = new Uint32Array(8 * 256)
  const low = new Uint32Array(8 * 256)
  for (let byte = 0; byte < 256; byte += 1) {
    let [h, l] = [0, byte]
    for (let bit = 0; bit < 8; bit += 1) {
      const odd = l & 1
      l = (l >>> 1) | (h << 31)
      h >>>= 1
      if (odd) {
        h ^= polynomialHigh
        l ^= polynomialLow
      }
    }
    high[byte] = h
    low[byte] = l
  }
  for (let at = 256; at < 8 * 256; at += 1) {
    const h = high[at - 256] ?? 0
    const l = low[at - 256] ?? 0
    const next = l & 0xff
    low[at] = ((l >>> 8) | (h << 24)) ^ (low[next] ?? 0)
    high[at] = (h >>> 8) ^ (high[next] ?? 0)
  }
  return { high, low }
}

export interface Crc64 {
  update(bytes: Uint8Array): void
  /** Unsigned decimal, the form of the header. */
  digest(): string
}

export function createCrc64(): Crc64 {
  let high = 0xffffffff
  let low = 0xffffffff
  return {
    update(bytes) {
      ;[high, low] = updated(high, low, bytes)
    },
    digest: () => ((BigInt(~high >>> 0) << 32n) | BigInt(~low >>> 0)).toString(),
  }
}

/** Whole words are read as the machine stores them: every platform that Node runs on here is little-endian. */
function updated(startHigh: number, startLow: number, bytes: Uint8Array): [number, number] {
  if (bytes.length < 16) return bytewise(startHigh, startLow, bytes, 0, bytes.length)
  const lead = -bytes.byteOffset & 3
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset + lead, ((bytes.length - lead) >>> 3) * 2)
  const [h, l] = bytewise(startHigh, startLow, bytes, 0, lead)
  const [midHigh, midLow] = wordwise(h, l, words)
  return bytewise(midHigh, midLow, bytes, lead + words.byteLength, bytes.length)
}

// biome-ignore-start lint/style/noNonNullAssertion: indices are within the tables and the piece by construction
function wordwise(startHigh: number, startLow: number, words: Uint32Array): [number, number] {
  const { high: th, low: tl } = tables
  let [h, l] = [startHigh, startLow]
  for (let at = 0; at < words.length; at += 2) {
    const a = l ^ words[at]!
    const b = h ^ words[at + 1]!
    const i0 = 1792 + (a & 255)
    const i1 = 1536 + ((a >>> 8) & 255)
    const i2 = 1280 + ((a >>> 16) & 255)
    const i3 = 1024 + (a >>> 24)
    const i4 = 768 + (b & 255)
    const i5 = 512 + ((b >>> 8) & 255)
    const i6 = 256 + ((b >>> 16) & 255)
    const i7 = b >>> 24
    l = tl[i0]! ^ tl[i1]! ^ tl[i2]! ^ tl[i3]! ^ tl[i4]! ^ tl[i5]! ^ tl[i6]! ^ tl[i7]!
    h = th[i0]! ^ th[i1]! ^ th[i2]! ^ th[i3]! ^ th[i4]! ^ th[i5]! ^ th[i6]! ^ th[i7]!
  }
  return [h, l]
}

function bytewise(startHigh: number, startLow: number, bytes: Uint8Array, from: number, to: number): [number, number] {
  const { high: th, low: tl } = tables
  let [h, l] = [startHigh, startLow]
  for (let at = from; at < to; at += 1) {
    const index = (l ^ bytes[at]!) & 255
    l = ((l >>> 8) | (h << 24)) ^ tl[index]!
    h = (h >>> 8) ^ th[index]!
  }
  return [h, l]
}
// biome-ignore-end lint/style/noNonNullAssertion: as above
