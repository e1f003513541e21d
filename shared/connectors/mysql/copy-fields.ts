import { TransferError } from '../../errors/index.ts'
import type { RecordReason } from '../../load/record-error.ts'
import type { MysqlConnection, MysqlField } from '../../ports/index.ts'
import type { Conversion } from './field-types.ts'

const tab = 0x09
const lineFeed = 0x0a
const backslash = 0x5c

/** What follows the backslash in COPY text, by the byte that is escaped; 0 for a byte that stands for itself. */
const escapes = new Uint8Array(256)
escapes[tab] = 0x74
escapes[lineFeed] = 0x6e
escapes[0x0d] = 0x72
escapes[backslash] = backslash

/** 1 for a byte that a text cannot hold as it is in COPY text, or at all. */
export const changesText = Uint8Array.from(escapes, (escaped, byte) => (escaped !== 0 || byte === 0 ? 1 : 0))

const hexDigits = Buffer.from('0123456789abcdef')

/** Writes one field of a row as COPY text. @returns where it ends */
export type WriteField = (from: Buffer, start: number, end: number, to: Buffer, at: number) => number

/** Told why the record under way is dirty; its fields are written all the same, to be seen. */
export type Refuse = (code: RecordReason['code'], message: string) => void

/** @throws source/sql-failed for a geometry that the query did not turn into text */
export function writerOf(
  conversion: Conversion | 'float',
  field: MysqlField,
  { timeZone, zeroDates }: Pick<MysqlConnection, 'timeZone' | 'zeroDates'>,
  refuse: Refuse,
): WriteField {
  if (conversion === 'as it is') return copyBytes
  if (conversion === 'bytes') return writeHex
  if (conversion === 'bits') return bitsWriter(field.length)
  if (conversion === 'flag') return (from, _start, end, to, at) => writeByte(to, at, 0x30 + ((from[end - 1] ?? 0) & 1))
  if (conversion === 'float') return writeFloat
  if (conversion === 'text') return textWriter(refuse)
  if (conversion === 'date') return dateWriter(Buffer.alloc(0), zeroDates, refuse)
  if (conversion === 'instant') return dateWriter(Buffer.from(timeZone), zeroDates, refuse)
  const message = `column ${field.name} is a geometry in the server's own form; write st_astext(…) around it`
  throw new TransferError('source/sql-failed', message, { column: field.name })
}

const writeByte = (to: Buffer, at: number, byte: number): number => {
  to[at] = byte
  return at + 1
}

/** Short runs byte by byte: a call of `copy` costs more than the bytes of a usual field. */
export function copyBytes(from: Buffer, start: number, end: number, to: Buffer, at: number): number {
  if (end - start > 48) return at + from.copy(to, at, start, end)
  let next = at
  for (let read = start; read < end; read += 1) to[next++] = from[read] as number
  return next
}

/** PostgreSQL's text cannot hold a NUL; it stays in the record that is set aside, to be seen there. */
function textWriter(refuse: Refuse): WriteField {
  return (from, start, end, to, at) => {
    let next = at
    for (let read = start; read < end; read += 1) {
      const byte = from[read] as number
      const escaped = escapes[byte] as number
      if (escaped !== 0) {
        to[next++] = backslash
        to[next++] = escaped
      } else {
        if (byte === 0) refuse('record/nul-byte', 'the text holds a NUL character, which PostgreSQL cannot keep')
        to[next++] = byte
      }
    }
    return next
  }
}

/** bytea as hex: `\x` and digits, the backslash escaped for COPY. */
function writeHex(from: Buffer, start: number, end: number, to: Buffer, at: number): number {
  to[at] = backslash
  to[at + 1] = backslash
  to[at + 2] = 0x78
  let next = at + 3
  for (let read = start; read < end; read += 1) {
    const byte = from[read] as number
    to[next++] = hexDigits[byte >> 4] as number
    to[next++] = hexDigits[byte & 15] as number
  }
  return next
}

/**
 * `B0101`: PostgreSQL's own mark for bits, so that a number column refuses them, where bare digits would become another
 * number in silence. One bit alone is `0` or `1`, which boolean, integer and bit(1) take alike.
 */
function bitsWriter(bits: number): WriteField {
  return (from, _start, end, to, at) => {
    to[at] = 0x42
    for (let bit = 0; bit < bits; bit += 1) {
      const byte = from[end - 1 - (bit >> 3)] ?? 0
      to[at + bits - bit] = 0x30 + ((byte >> (bit & 7)) & 1)
    }
    return at + bits + 1
  }
}

const zeroDate = Buffer.from('0000-00-00')
const firstDate = Buffer.from('0001-01-01')

/** `suffix`: the offset of an instant. A date with a zero month or day alone goes on, and the destination refuses it. */
function dateWriter(suffix: Buffer, zeroDates: MysqlConnection['zeroDates'], refuse: Refuse): WriteField {
  return (from, start, end, to, at) => {
    // Years below 1000 are rare; only they begin with a zero.
    const isZero = from[start] === 0x30 && from.compare(zeroDate, 0, 10, start, start + 10) === 0
    if (isZero && zeroDates === 'convertToNull') {
      to[at] = backslash
      to[at + 1] = 0x4e
      return at + 2
    }
    if (isZero && zeroDates === 'exception') refuse('record/format', 'the zero date 0000-00-00 is no date')
    const next = copyBytes(from, start, end, to, at)
    if (isZero && zeroDates === 'round') firstDate.copy(to, at)
    return copyBytes(suffix, 0, suffix.length, to, next)
  }
}

/** The server prints a FLOAT with six digits; read as a double it has all, of which the shortest form is enough. */
function writeFloat(from: Buffer, start: number, end: number, to: Buffer, at: number): number {
  const single = Number(from.toString('latin1', start, end))
  const text = Object.is(single, -0) ? '-0' : shortest(single)
  return at + to.write(text, at, 'latin1')
}

function shortest(single: number): string {
  for (let digits = 6; digits < 9; digits += 1) {
    const text = single.toPrecision(digits)
    if (Math.fround(Number(text)) === single) return String(Number(text))
  }
  return String(Number(single.toPrecision(9)))
}
