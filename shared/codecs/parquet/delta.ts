/** Numbers as low and high halves, of which `INT32` uses the low ones alone. */
export interface Deltas {
  readonly count: number
  readonly low: Int32Array
  readonly high: Int32Array
  /** Where the bytes behind them begin. */
  readonly end: number
}

/** DELTA_BINARY_PACKED (Encodings.md). @throws RangeError for bytes that end early, or more than `maxCount` numbers */
export function readDeltas(bytes: Uint8Array, start: number, maxCount: number): Deltas {
  let at = start
  const byte = () => {
    const value = bytes[at]
    if (value === undefined) throw new RangeError('a page ends early')
    at += 1
    return value
  }
  const varint = () => {
    let value = 0n
    for (let shift = 0n; ; shift += 7n) {
      const next = byte()
      value |= BigInt(next & 127) << shift
      if (next < 128) return value
      if (shift > 63n) throw new RangeError('a number of a page has no end')
    }
  }
  const zigzag = () => {
    const value = varint()
    return BigInt.asIntN(64, (value >> 1n) ^ -(value & 1n))
  }
  const blockValues = Number(varint())
  const miniBlocks = Number(varint())
  const count = Number(varint())
  const miniValues = blockValues / miniBlocks
  // The first number is in the head, so of one or none no block is there, however many miniblocks it would have.
  const isTooShort = count > 1 && miniBlocks > bytes.length
  // A number may take no bits, so the bytes say nothing of how many there can be.
  if (!(miniValues > 0) || miniValues % 8 !== 0 || isTooShort || count > maxCount)
    throw new RangeError('a page of differences has no sound head')
  const low = new Int32Array(count)
  const high = new Int32Array(count)
  const first = zigzag()
  let lowSum = Number(BigInt.asUintN(32, first))
  let highSum = Number(BigInt.asIntN(32, first >> 32n))
  if (count > 0) {
    low[0] = lowSum
    high[0] = highSum
  }
  for (let filled = 1; filled < count; ) {
    const least = zigzag()
    const leastLow = Number(BigInt.asUintN(32, least))
    const leastHigh = Number(BigInt.asIntN(32, least >> 32n))
    const widths = Array.from({ length: miniBlocks }, byte)
    for (const width of widths) {
      if (filled >= count) break
      if (width > 64) throw new RangeError('a page of differences has no sound head')
      const run = Math.min(miniValues, count - filled)
      if (Math.ceil((run * width) / 8) > bytes.length - at) throw new RangeError('a page ends early')
      for (let index = 0, bit = 0; index < run; index += 1, bit += width) {
        lowSum += leastLow + bitsAt(bytes, at, bit, Math.min(width, 32))
        highSum += leastHigh + (width > 32 ? bitsAt(bytes, at, bit + 32, width - 32) : 0)
        highSum = (highSum + Math.floor(lowSum / 2 ** 32)) | 0
        lowSum %= 2 ** 32
        low[filled] = lowSum
        high[filled] = highSum
        filled += 1
      }
      at = Math.min(bytes.length, at + (miniValues * width) / 8)
    }
  }
  return { count, low, high, end: at }
}

/** Up to 32 bits from a place, the lowest first. */
function bitsAt(bytes: Uint8Array, start: number, bit: number, width: number): number {
  if (width === 0) return 0
  const shift = bit & 7
  let at = start + (bit >> 3)
  let value = (bytes[at] as number) >> shift
  for (let have = 8 - shift; have < width; have += 8) {
    at += 1
    value += (bytes[at] as number) * 2 ** have
  }
  return value % 2 ** width
}
