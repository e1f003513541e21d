import { TransferError } from '../../errors/index.ts'
import { backslash, closeBracket, comma, openBrace, openBracket, quote, scanBlanks, scanValue } from './scan-value.ts'
import { copyBytes, type PutByte, putInField, writeText } from './write-text.ts'

/**
 * `json array`: elements are JSON, so arrays in it are values, and texts keep their quotes. `box array`: the one type of the
 * server with another sign between its elements.
 */
export type ArrayKind = 'array' | 'json array' | 'box array'
const semicolon = 0x3b

/** What a byte of JSON may grow to: a quote within a quoted element is escaped, and its backslash once more for COPY. */
export const arrayExpansion = 4

/** Within the quotes of an element, which lie in a field of COPY text. */
const putInElement: PutByte = (byte, to, at) => {
  if (byte !== quote && byte !== backslash) return putInField(byte, to, at)
  return putInField(byte, to, putInField(backslash, to, at))
}

/**
 * A JSON array, known to be valid, as PostgreSQL writes arrays: `[1, null, "a"]` is `{1,NULL,"a"}`. Arrays in it are dimensions.
 */
export function writeArrayLiteral(from: Buffer, start: number, kind: ArrayKind, to: Buffer, at: number): number {
  let next = at
  let read = scanBlanks(from, start + 1)
  to[next++] = openBrace
  while (from[read] !== closeBracket) {
    const end = scanValue(from, read, 0)
    next = writeElement(from, read, end, kind, to, next)
    read = scanBlanks(from, end)
    if (from[read] === comma) {
      to[next++] = kind === 'box array' ? semicolon : comma
      read = scanBlanks(from, read + 1)
    }
  }
  to[next++] = 0x7d
  return next
}

const sqlNull = Buffer.from('NULL')

function writeElement(from: Buffer, start: number, end: number, kind: ArrayKind, to: Buffer, at: number): number {
  const ofJson = kind === 'json array'
  const byte = from[start]
  if (byte === 0x6e) return copyBytes(sqlNull, 0, 4, to, at)
  if (!ofJson && byte === openBracket) return writeArrayLiteral(from, start, kind, to, at)
  if (!ofJson && byte === openBrace)
    throw new TransferError('record/format', 'an object cannot be an element of this array')
  if (!ofJson && byte !== quote) return copyBytes(from, start, end, to, at)
  to[at] = quote
  let next = at + 1
  if (ofJson) for (let read = start; read < end; read += 1) next = putInElement(from[read] as number, to, next)
  else next = writeText(from, start + 1, end - 1, to, next, putInElement)
  to[next] = quote
  return next + 1
}
