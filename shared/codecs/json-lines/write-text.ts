import { TransferError } from '../../errors/index.ts'
import { backslash } from './scan-value.ts'

/** What follows the backslash in COPY text, by the byte that is escaped; 0 for a byte that stands for itself. */
const copyEscapes = new Uint8Array(256)
copyEscapes[0x09] = 0x74
copyEscapes[0x0a] = 0x6e
copyEscapes[0x0d] = 0x72
copyEscapes[backslash] = backslash

/** The character of an escape of one letter. */
const meanings = new Uint8Array(256)
for (const [sign, meaning] of Object.entries({
  '"': '"',
  '\\': '\\',
  '/': '/',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
}))
  meanings[sign.charCodeAt(0)] = meaning.charCodeAt(0)

/** Short runs byte by byte: a call of `copy` costs more than the bytes of a usual value. */
export function copyBytes(from: Buffer, start: number, end: number, to: Buffer, at: number): number {
  if (end - start > 48) return at + from.copy(to, at, start, end)
  let next = at
  for (let read = start; read < end; read += 1) to[next++] = from[read] as number
  return next
}

/** Bytes as they are, as a field of COPY text. No more than twice as many. */
export function copyEscaped(from: Buffer, start: number, end: number, to: Buffer, at: number): number {
  let next = at
  for (let read = start; read < end; read += 1) {
    const byte = from[read] as number
    const sign = copyEscapes[byte] as number
    if (sign !== 0) to[next++] = backslash
    to[next++] = sign === 0 ? byte : sign
  }
  return next
}

/** Puts one byte of a text. @returns where it ends */
export type PutByte = (byte: number, to: Buffer, at: number) => number

/** As a field of COPY text. */
export const putInField: PutByte = (byte, to, at) => {
  const sign = copyEscapes[byte] as number
  if (sign === 0) {
    to[at] = byte
    return at + 1
  }
  to[at] = backslash
  to[at + 1] = sign
  return at + 2
}

/**
 * The text that a JSON string of valid escapes stands for, in UTF-8.
 * @throws record/nul-byte, record/encoding
 */
export function writeText(from: Buffer, start: number, end: number, to: Buffer, at: number, put: PutByte): number {
  let next = at
  let read = start
  while (read < end) {
    const byte = from[read] as number
    if (byte !== backslash) {
      next = put(byte, to, next)
      read += 1
    } else if (from[read + 1] !== 0x75) {
      next = put(meanings[from[read + 1] as number] as number, to, next)
      read += 2
    } else {
      const code = codePointAt(from, read, end)
      next = putCodePoint(code, to, next, put)
      read += code > 0xffff ? 12 : 6
    }
  }
  return next
}

/** Of `\uXXXX`, or of two that are a pair of surrogates. */
function codePointAt(from: Buffer, at: number, end: number): number {
  const first = unitAt(from, at)
  if (first === 0)
    throw new TransferError('record/nul-byte', 'the text holds a NUL character, which PostgreSQL cannot keep')
  if (first < 0xd800 || first > 0xdfff) return first
  const isPair = first < 0xdc00 && at + 12 <= end && from[at + 6] === backslash && from[at + 7] === 0x75
  const second = isPair ? unitAt(from, at + 6) : 0
  if (second >= 0xdc00 && second <= 0xdfff) return 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00)
  throw new TransferError('record/encoding', 'an escape is half of a surrogate pair, which is no character')
}

const unitAt = (from: Buffer, at: number): number => Number.parseInt(from.toString('latin1', at + 2, at + 6), 16)

function putCodePoint(code: number, to: Buffer, at: number, put: PutByte): number {
  if (code < 0x80) return put(code, to, at)
  return at + to.write(String.fromCodePoint(code), at, 'utf8')
}
