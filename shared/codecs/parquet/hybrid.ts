/**
 * Runs of equal numbers and of packed ones, in turn: levels, and places in a dictionary (Encodings.md, RLE).
 * @param start where the first run begins
 * @returns where the bytes behind them begin. @throws RangeError for bytes that end early
 */
export function readHybrid(
  bytes: Uint8Array,
  start: number,
  end: number,
  width: number,
  into: Int32Array | Uint8Array,
): number {
  if (width > 32) throw new RangeError(`numbers of ${width} bits are no places in a dictionary`)
  const count = into.length
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
      into.fill(value, filled, filled + run)
      filled += run
      continue
    }
    const groups = (head - 1) / 2
    const run = Math.min(groups * 8, count - filled)
    // Some writers leave out the bytes of a last group that no value needs.
    if (Math.ceil((run * width) / 8) > end - at) throw endsEarly()
    unpack(bytes, at, width, into, filled, run)
    at = Math.min(end, at + groups * width)
    filled += run
  }
  return at
}

const endsEarly = () => new RangeError('a page ends early')

function unpack(
  bytes: Uint8Array,
  start: number,
  width: number,
  into: Int32Array | Uint8Array,
  from: number,
  run: number,
): void {
  let at = start
  if (width === 8) {
    for (let index = from; index < from + run; index += 1) into[index] = bytes[at++] as number
    return
  }
  if (width > 24) {
    unpackWide(bytes, start, width, into, from, run)
    return
  }
  const mask = 2 ** width - 1
  let held = 0
  let heldBits = 0
  for (let index = from; index < from + run; index += 1) {
    while (heldBits < width) {
      held |= (bytes[at++] as number) << heldBits
      heldBits += 8
    }
    into[index] = held & mask
    held >>>= width
    heldBits -= width
  }
}

/** More bits than fit into 32 beside what is left of a byte. */
function unpackWide(
  bytes: Uint8Array,
  start: number,
  width: number,
  into: Int32Array | Uint8Array,
  from: number,
  run: number,
): void {
  for (let index = 0; index < run; index += 1) {
    const bit = index * width
    const first = start + (bit >> 3)
    let value = 0
    for (let byte = 0; byte * 8 < width + (bit & 7); byte += 1) value += (bytes[first + byte] ?? 0) * 256 ** byte
    into[from + index] = Math.floor(value / 2 ** (bit & 7)) % 2 ** width
  }
}
