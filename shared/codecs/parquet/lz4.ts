/** One block of LZ4 (lz4_Block_format.md) of which `length` bytes come out. @throws RangeError for what is none */
export function uncompressLz4(bytes: Buffer, length: number): Buffer {
  const into = Buffer.allocUnsafe(length)
  if (writeBlock(bytes, 0, bytes.length, into, 0) !== length) throw notLz4()
  return into
}

/** Hadoop's frames of it, sizes first; or a bare block, as older Arrow wrote under the same name. */
export function uncompressLz4Hadoop(bytes: Buffer, length: number): Buffer {
  if (!isFramed(bytes, length)) return uncompressLz4(bytes, length)
  const into = Buffer.allocUnsafe(length)
  let at = 0
  for (let from = 0; from < bytes.length; ) {
    const whole = bytes.readUInt32BE(from)
    const packed = bytes.readUInt32BE(from + 4)
    const end = writeBlock(bytes, from + 8, from + 8 + packed, into, at)
    if (end !== at + whole) throw notLz4()
    at = end
    from += 8 + packed
  }
  return into
}

function isFramed(bytes: Buffer, length: number): boolean {
  let total = 0
  let at = 0
  while (at + 8 <= bytes.length) {
    total += bytes.readUInt32BE(at)
    at += 8 + bytes.readUInt32BE(at + 4)
  }
  return at === bytes.length && total === length
}

function writeBlock(bytes: Buffer, start: number, end: number, into: Buffer, begin: number): number {
  let from = start
  let at = begin
  const lengthAt = (nibble: number) => {
    let length = nibble
    for (let byte = nibble === 15 ? 255 : 0; byte === 255; length += byte) {
      byte = bytes[from++] ?? -1
      if (byte < 0 || from > end) throw notLz4()
    }
    return length
  }
  while (from < end) {
    const token = bytes[from++] as number
    const literals = lengthAt(token >> 4)
    if (literals > end - from || literals > into.length - at) throw notLz4()
    bytes.copy(into, at, from, from + literals)
    from += literals
    at += literals
    // The last sequence ends behind its literals.
    if (from >= end) break
    const distance = (bytes[from] as number) | ((bytes[from + 1] ?? 0) << 8)
    from += 2
    const matched = lengthAt(token & 15) + 4
    if (distance === 0 || distance > at - begin || matched > into.length - at) throw notLz4()
    for (const stop = at + matched; at < stop; at += 1) into[at] = into[at - distance] as number
  }
  return at
}

const notLz4 = () => new RangeError('a page is no LZ4')
