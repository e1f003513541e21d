/** COPY text that grows: whoever writes asks for room first, then writes at `at` and moves it. */
export interface CopyOutput {
  bytes: Buffer
  /** Of the same bytes. */
  view: DataView
  at: number
}

export function openOutput(bytes: number): CopyOutput {
  const buffer = Buffer.allocUnsafeSlow(bytes)
  return { bytes: buffer, view: new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength), at: 0 }
}

export function makeRoom(out: CopyOutput, bytes: number): void {
  if (out.at + bytes > out.bytes.length) grow(out, out.at + bytes)
}

function grow(out: CopyOutput, needed: number): void {
  const usual = Math.min(2 * out.bytes.length, out.bytes.length + 4 * 1024 * 1024)
  const larger = openOutput(Math.max(needed, usual))
  out.bytes.copy(larger.bytes, 0, 0, out.at)
  out.bytes = larger.bytes
  out.view = larger.view
}

const backslash = 0x5c

/** What follows the backslash, by the byte that is escaped; 0 for a byte that stands for itself. PostgreSQL, COPY, Text Format. */
const escapes = new Uint8Array(256)
escapes[0x09] = 0x74
escapes[0x0a] = 0x6e
escapes[0x0d] = 0x72
escapes[backslash] = backslash

/**
 * Bytes of a text. What the server cannot keep, a NUL or no UTF-8, goes to it as it is and makes the record dirty there.
 * @param view of the bytes `from`
 */
export function writeText(from: Buffer, view: DataView, start: number, end: number, out: CopyOutput): void {
  makeRoom(out, 2 * (end - start))
  const { bytes: to, view: into } = out
  let at = out.at
  let read = start
  while (read < end) {
    for (; read + 4 <= end; read += 4, at += 4) {
      const four = view.getInt32(read, true)
      if (mayNeedEscape(four)) break
      into.setInt32(at, four, true)
    }
    // The four that may need one, or the last.
    for (const last = Math.min(end, read + 4); read < last; read += 1) {
      const byte = from[read] as number
      const escaped = escapes[byte] as number
      if (escaped !== 0) {
        to[at++] = backslash
        to[at++] = escaped
      } else to[at++] = byte
    }
  }
  out.at = at
}

/** Whether one of four bytes is a backslash or below 0x20; of bytes from 0x80 on none is told. */
function mayNeedEscape(four: number): boolean {
  const backslashes = four ^ 0x5c5c5c5c
  return ((((four - 0x20202020) & ~four) | ((backslashes - 0x01010101) & ~backslashes)) & 0x80808080) !== 0
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
  const { bytes, at } = out
  for (let index = 0; index < text.length; index += 1) bytes[at + index] = text.charCodeAt(index)
  out.at = at + text.length
}
