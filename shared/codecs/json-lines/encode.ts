import { TransferError } from '../../errors/index.ts'
import { type JsonForm, jsonFormOf } from './json-form.ts'
import { jsonOfText } from './json-of-text.ts'
import { backslash, lineFeed, quote, scanNumber } from './scan-value.ts'
import { wholeLines } from './whole-lines.ts'
import { copyBytes } from './write-text.ts'

const outputBytes = 256 * 1024
const tab = 0x09
const nullText = Buffer.from('null')
const hexDigits = Buffer.from('0123456789abcdef')

/** A byte of a field of COPY text that is the same in a JSON string. */
const isSame = new Uint8Array(256).fill(1)
isSame.fill(0, 0, 0x20)
isSame[quote] = 0
isSame[backslash] = 0

/** The letters of escapes that COPY text and JSON share. */
const sharedEscapes = new Set([...'bfnrt\\'].map((sign) => sign.charCodeAt(0)))

export interface EncodedColumn {
  readonly name: string
  /** The full name that its source prints. */
  readonly type: string
}

/**
 * Makes JSON Lines of COPY text (tab, `\N`), an object for each record, NULL as null. Texts and numbers pass as bytes.
 * @throws record/too-large for a record of more than `maxRecordBytes`, as it is held in memory whole
 */
export async function* encodeJsonLines(
  body: AsyncIterable<Uint8Array>,
  columns: readonly EncodedColumn[],
  maxRecordBytes: number,
): AsyncIterable<Uint8Array> {
  const forms = columns.map(({ type }) => jsonFormOf(type))
  const before = columns.map(({ name }, index) => Buffer.from(`${index === 0 ? '{' : ','}${JSON.stringify(name)}:`))
  const fixedBytes = before.reduce((sum, key) => sum + key.length, 0) + 8 * columns.length + 2
  let out = Buffer.allocUnsafe(outputBytes)
  let at = 0
  for await (const { bytes, start, end } of wholeLines(body, maxRecordBytes)) {
    for (let read = start; read < end; ) {
      const lineEnd = bytes.indexOf(lineFeed, read)
      const room = fixedBytes + roomOf(bytes, read, lineEnd)
      if (room > out.length - at) {
        if (at > 0) yield out.subarray(0, at)
        out = Buffer.allocUnsafe(Math.max(outputBytes, room))
        at = 0
      }
      at = writeObject(bytes, read, { before, forms }, out, at)
      read = lineEnd + 1
    }
  }
  if (at > 0) yield out.subarray(0, at)
}

/** A quote is escaped, an element of an array is quoted, and a control character becomes six bytes. */
function roomOf(bytes: Buffer, start: number, end: number): number {
  const length = end - start
  if (length < 8192) return 6 * length
  let controls = 0
  for (let at = start; at < end; at += 1) if ((bytes[at] as number) < 0x20) controls += 1
  return 4 * length + 6 * controls
}

interface Keys {
  /** What stands before each value: a brace or comma, and the key. */
  readonly before: readonly Buffer[]
  readonly forms: readonly JsonForm[]
}

function writeObject(bytes: Buffer, start: number, { before, forms }: Keys, out: Buffer, at: number): number {
  let read = start
  let to = at
  for (let column = 0; column < forms.length; column += 1) {
    const key = before[column] as Buffer
    to = copyBytes(key, 0, key.length, out, to)
    const form = forms[column] as JsonForm
    const fieldEnd = form.as === 'text' ? -1 : endOfField(bytes, read)
    if (bytes[read] === backslash && bytes[read + 1] === 0x4e) {
      to = copyBytes(nullText, 0, 4, out, to)
      read += 2
    } else if (fieldEnd === -1) {
      const written = writeString(bytes, read, out, to)
      to = written.to
      read = written.read
    } else {
      to = writeOther(bytes, read, fieldEnd, form, out, to)
      read = fieldEnd
    }
    if (bytes[read] !== (column === forms.length - 1 ? lineFeed : tab)) throw otherFields(forms.length)
    read += 1
  }
  out[to] = 0x7d
  out[to + 1] = lineFeed
  return to + 2
}

const otherFields = (columns: number) =>
  new TransferError(
    'record/column-count',
    `a record of the source has another number of fields than its ${columns} columns`,
  )

function endOfField(bytes: Buffer, start: number): number {
  let end = start
  while (bytes[end] !== tab && bytes[end] !== lineFeed) end += 1
  return end
}

const written = { read: 0, to: 0 }

/** A field of COPY text as a JSON string; both escape the same characters with a backslash but for a few. */
function writeString(
  bytes: Buffer,
  start: number,
  out: Buffer,
  at: number,
): { readonly read: number; readonly to: number } {
  let read = start
  let to = at
  out[to++] = quote
  for (;;) {
    const byte = bytes[read] as number
    if (isSame[byte] === 1) {
      out[to++] = byte
      read += 1
    } else if (byte === tab || byte === lineFeed) break
    else if (byte === backslash) {
      const sign = bytes[read + 1] as number
      if (sharedEscapes.has(sign)) {
        out[to++] = backslash
        out[to++] = sign
      } else to = writeSign(sign === 0x76 ? 0x0b : sign, out, to)
      read += 2
    } else {
      to = writeSign(byte, out, to)
      read += 1
    }
  }
  out[to++] = quote
  written.read = read
  written.to = to
  return written
}

/** One character that may have to be escaped. */
function writeSign(byte: number, out: Buffer, at: number): number {
  if (isSame[byte] === 1) {
    out[at] = byte
    return at + 1
  }
  out[at] = backslash
  if (byte === quote || byte === backslash) {
    out[at + 1] = byte
    return at + 2
  }
  out.fill(0x30, at + 2, at + 4)
  out[at + 1] = 0x75
  out[at + 4] = hexDigits[byte >> 4] as number
  out[at + 5] = hexDigits[byte & 15] as number
  return at + 6
}

function writeOther(bytes: Buffer, start: number, end: number, form: JsonForm, out: Buffer, at: number): number {
  if (form.as === 'number' && scanNumber(bytes, start) === end) return copyBytes(bytes, start, end, out, at)
  if (form.as === 'time' && isUsualTime(bytes, start, end)) return writeTime(bytes, start, end, out, at)
  return at + out.write(jsonOfText(unescaped(bytes.toString('utf8', start, end)), form), at)
}

/** `2026-01-31 …`, without an era behind it. */
const isUsualTime = (bytes: Buffer, start: number, end: number): boolean =>
  bytes[start + 4] === 0x2d && bytes[start + 10] === 0x20 && (bytes[end - 1] as number) <= 0x39

/** As `isoTime` does, without a text. */
function writeTime(bytes: Buffer, start: number, end: number, out: Buffer, at: number): number {
  out[at] = quote
  let to = copyBytes(bytes, start, end, out, at + 1)
  out[at + 11] = 0x54
  const sign = bytes[end - 3]
  if (sign === 0x2b || sign === 0x2d) to += out.write(':00', to)
  out[to] = quote
  return to + 1
}

const meanings: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' }
const unescaped = (field: string): string =>
  field.includes('\\') ? field.replaceAll(/\\(.)/gs, (_, sign: string) => meanings[sign] ?? sign) : field
