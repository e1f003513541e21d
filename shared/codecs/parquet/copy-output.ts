/** COPY text that grows: whoever writes asks for room first, then writes at `at` and moves it. */
export interface CopyOutput {
  bytes: Buffer
  at: number
}

export function openOutput(bytes: number): CopyOutput {
  return { bytes: Buffer.allocUnsafe(bytes), at: 0 }
}

export function makeRoom(out: CopyOutput, bytes: number): void {
  const needed = out.at + bytes
  if (needed <= out.bytes.length) return
  const larger = Buffer.allocUnsafe(
    Math.max(needed, Math.min(2 * out.bytes.length, out.bytes.length + 4 * 1024 * 1024)),
  )
  out.bytes.copy(larger, 0, 0, out.at)
  out.bytes = larger
}

const backslash = 0x5c

/** What follows the backslash, by the byte that is escaped; 0 for a byte that stands for itself. PostgreSQL, COPY, Text Format. */
const escapes = new Uint8Array(256)
escapes[0x09] = 0x74
escapes[0x0a] = 0x6e
escapes[0x0d] = 0x72
escapes[backslash] = backslash

export function writeNull(out: CopyOutput): void {
  out.bytes[out.at] = backslash
  out.bytes[out.at + 1] = 0x4e
  out.at += 2
}

/** Bytes of a text. What the server cannot keep, a NUL or no UTF-8, goes to it as it is and makes the record dirty there. */
export function writeText(from: Buffer, start: number, end: number, out: CopyOutput): void {
  makeRoom(out, 2 * (end - start))
  const to = out.bytes
  let at = out.at
  for (let read = start; read < end; read += 1) {
    const byte = from[read] as number
    const escaped = byte > backslash ? 0 : (escapes[byte] as number)
    if (escaped !== 0) {
      to[at++] = backslash
      to[at++] = escaped
    } else to[at++] = byte
  }
  out.at = at
}

/** Bytes that need no escape. Short ones one by one: a call of `copy` costs more than a usual field. */
export function writeRaw(from: Buffer, start: number, end: number, out: CopyOutput): void {
  makeRoom(out, end - start)
  if (end - start > 48) {
    out.at += from.copy(out.bytes, out.at, start, end)
    return
  }
  const to = out.bytes
  let at = out.at
  for (let read = start; read < end; read += 1) to[at++] = from[read] as number
  out.at = at
}

const hexDigits = Buffer.from('0123456789abcdef')

/** bytea as `\x` and digits, the backslash escaped. */
export function writeHex(from: Buffer, start: number, end: number, out: CopyOutput): void {
  makeRoom(out, 2 * (end - start) + 3)
  const to = out.bytes
  to[out.at] = backslash
  to[out.at + 1] = backslash
  to[out.at + 2] = 0x78
  let at = out.at + 3
  for (let read = start; read < end; read += 1) {
    const byte = from[read] as number
    to[at++] = hexDigits[byte >> 4] as number
    to[at++] = hexDigits[byte & 15] as number
  }
  out.at = at
}

/** Letters and signs that need no escape. */
export function writeAscii(text: string, out: CopyOutput): void {
  makeRoom(out, text.length)
  out.at += out.bytes.write(text, out.at, 'latin1')
}
