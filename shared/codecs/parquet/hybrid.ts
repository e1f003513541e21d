/** Takes the runs of a page one by one, in order: `from` is the number of the first of their values. */
interface RunSink {
  repeat(value: number, from: number, run: number): void
  /** @param at where the bytes of the packed ones begin */
  unpack(at: number, from: number, run: number): void
}

/**
 * Runs of equal numbers and of packed ones, in turn: levels, and places in a dictionary (Encodings.md, RLE).
 * @throws RangeError for bytes that end early
 */
function readRuns(bytes: Buffer, start: number, width: number, count: number, sink: RunSink): void {
  if (width > 32) throw new RangeError(`numbers of ${width} bits are no places in a dictionary`)
  const end = bytes.length
  let at = start
  let filled = 0
  while (filled < count) {
    let head = 0
    for (let shift = 1; ; shift *= 128) {
      if (at >= end) throw endsEarly()
      const byte = bytes[at++] as number
      head += (byte & 127) * shift
      if (byte < 128) break
    }
    if (head % 2 === 0) {
      const run = Math.min(head / 2, count - filled)
      if (run === 0 && head === 0) throw new RangeError('a run of a page is empty')
      let value = 0
      for (let shift = 0; shift < width; shift += 8) {
        if (at >= end) throw endsEarly()
        value |= (bytes[at++] as number) << shift
      }
      sink.repeat(value, filled, run)
      filled += run
      continue
    }
    const groups = (head - 1) / 2
    const run = Math.min(groups * 8, count - filled)
    // Some writers leave out the bytes of a last group that no value needs.
    if (Math.ceil((run * width) / 8) > end - at) throw endsEarly()
    sink.unpack(at, filled, run)
    at = Math.min(end, at + groups * width)
    filled += run
  }
}

const endsEarly = () => new RangeError('a page ends early')

/**
 * As many numbers as `into` has room for.
 * @param start where the first run begins
 * @throws RangeError for bytes that end early, and for a number that is not below `limit`
 */
export function readNumbers(bytes: Buffer, start: number, width: number, limit: number, into: Int32Array): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const need = (largest: number) => {
    if (largest >= limit) throw new RangeError(`a page holds number ${largest} of ${limit}`)
  }
  readRuns(bytes, start, width, into.length, {
    repeat(value, from, run) {
      need(value >>> 0)
      into.fill(value, from, from + run)
    },
    unpack: (at, from, run) => need(unpackNumbers(view, at, width, into, from, run)),
  })
}

/** Of `count` values, none above 255. @returns the levels, and how many of them are `highest` */
export function readLevels(bytes: Buffer, count: number, highest: number): { levels: Uint8Array; full: number } {
  const levels = new Uint8Array(count)
  const width = 32 - Math.clz32(highest)
  let full = 0
  readRuns(bytes, 0, width, count, {
    repeat(value, from, run) {
      levels.fill(value, from, from + run)
      if (value === highest) full += run
    },
    unpack(at, from, run) {
      unpackLevels(bytes, at, width, levels, from, run)
      for (let index = from; index < from + run; index += 1) full += levels[index] === highest ? 1 : 0
    },
  })
  return { levels, full }
}

/** A level has few bits: no more than two bytes hold it. */
function unpackLevels(bytes: Buffer, start: number, width: number, into: Uint8Array, from: number, run: number): void {
  const mask = 2 ** width - 1
  for (let index = 0, bit = 0; index < run; index += 1, bit += width) {
    const at = start + (bit >> 3)
    const two = (bytes[at] as number) | ((bytes[at + 1] ?? 0) << 8)
    into[from + index] = (two >> (bit & 7)) & mask
  }
}

/** Bits that four bytes hold wherever in the first of them they begin. */
const mostBits = 25

/** @returns the largest of them */
function unpackNumbers(
  view: DataView,
  start: number,
  width: number,
  into: Int32Array,
  from: number,
  run: number,
): number {
  const mask = 2 ** width - 1
  // The last of them may have no four bytes left.
  const safe =
    width > mostBits ? 0 : Math.min(run, Math.floor((8 * (view.byteLength - start - 4)) / Math.max(1, width)))
  let index = 0
  let largest = 0
  for (let bit = 0; index < safe; index += 1, bit += width) {
    const value = (view.getInt32(start + (bit >> 3), true) >>> (bit & 7)) & mask
    into[from + index] = value
    if (value > largest) largest = value
  }
  for (; index < run; index += 1) {
    const value = bitsAt(view, start, index * width, width)
    into[from + index] = value
    if (value > largest) largest = value
  }
  return largest
}

/** Any number of bits, up to 32. */
function bitsAt(view: DataView, start: number, bit: number, width: number): number {
  const first = start + (bit >> 3)
  const shift = bit & 7
  let value = 0
  for (let byte = 0; byte * 8 < width + shift; byte += 1) value += view.getUint8(first + byte) * 256 ** byte
  return Math.floor(value / 2 ** shift) % 2 ** width
}
