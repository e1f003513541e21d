import type { WrittenType } from './written-type.ts'

/** Room for one value that is no text. */
export interface ParsedField {
  /** A number that is written in 4 or 8 bytes, or a double. */
  number: number
  /** The same beyond 53 bits; null as long as `number` tells it. */
  big: bigint | null
}

/** Reads a field of COPY text. @returns false for what is no value of the type */
export type ParseField = (bytes: Buffer, start: number, end: number, into: ParsedField) => boolean

export function fieldParser(parse: WrittenType['parse']): ParseField {
  if (parse.of === 'decimal') return (bytes, start, end, into) => parseDigits(bytes, start, end, parse.scale, into)
  if (parse.of === 'integer') return (bytes, start, end, into) => parseDigits(bytes, start, end, 0, into)
  if (parse.of === 'double' || parse.of === 'single') return parseDouble
  if (parse.of === 'boolean') return parseBoolean
  if (parse.of === 'date') return parseDate
  if (parse.of === 'time') return parseTime
  if (parse.of === 'timestamp') return parseTimestamp
  throw new TypeError(`${parse.of} is not parsed`)
}

const zero = 0x30
const nine = 0x39
const minus = 0x2d
const dot = 0x2e

/** A whole number of units of 10^-scale. */
function parseDigits(bytes: Buffer, start: number, end: number, scale: number, into: ParsedField): boolean {
  const isNegative = bytes[start] === minus
  let at = isNegative ? start + 1 : start
  if (at === end) return false
  // Fifteen digits are a number of ours, whatever the point does to them.
  if (end - at + scale > 15) return parseBig(bytes, start, end, scale, into)
  let value = 0
  let behind = -1
  for (; at < end; at += 1) {
    const byte = bytes[at] as number
    if (byte === dot && behind < 0) behind = 0
    else if (byte < zero || byte > nine) return false
    else {
      value = value * 10 + byte - zero
      if (behind >= 0) behind += 1
    }
  }
  const missing = scale - Math.max(0, behind)
  if (missing < 0) return false
  const unscaled = value * 10 ** missing
  into.number = isNegative ? -unscaled : unscaled
  into.big = null
  return true
}

function parseBig(bytes: Buffer, start: number, end: number, scale: number, into: ParsedField): boolean {
  const found = /^(-?)(\d+)(?:\.(\d*))?$/.exec(bytes.toString('latin1', start, end))
  if (found === null) return false
  const [, sign = '', whole = '', fraction = ''] = found
  if (fraction.length > scale) return false
  into.big = BigInt(`${sign}${whole}${fraction.padEnd(scale, '0')}`)
  into.number = Number(into.big)
  return true
}

function parseDouble(bytes: Buffer, start: number, end: number, into: ParsedField): boolean {
  const text = bytes.toString('latin1', start, end)
  into.number = Number(text)
  into.big = null
  return text.trim() !== '' && (!Number.isNaN(into.number) || text === 'NaN')
}

function parseBoolean(bytes: Buffer, start: number, end: number, into: ParsedField): boolean {
  into.number = bytes[start] === 0x74 ? 1 : 0
  into.big = null
  return end - start === 1 && (bytes[start] === 0x74 || bytes[start] === 0x66)
}

const beforeChrist = Buffer.from(' BC')
const endsBeforeChrist = (bytes: Buffer, start: number, end: number) =>
  end - start > 3 && bytes[end - 1] === 0x43 && bytes.compare(beforeChrist, 0, 3, end - 3, end) === 0

function parseDate(bytes: Buffer, start: number, end: number, into: ParsedField): boolean {
  const isBefore = endsBeforeChrist(bytes, start, end)
  const days = daysOf(bytes, start, isBefore ? end - 3 : end, isBefore)
  into.number = days
  into.big = null
  return !Number.isNaN(days)
}

/** `2024-02-29`, with more digits for later years. NaN for anything else, `infinity` too. */
function daysOf(bytes: Buffer, start: number, end: number, isBefore: boolean): number {
  const year = numberOf(bytes, start, end - 6)
  const month = numberOf(bytes, end - 5, end - 3)
  const day = numberOf(bytes, end - 2, end)
  if (end - start < 10 || bytes[end - 6] !== minus || bytes[end - 3] !== minus) return Number.NaN
  // Howard Hinnant's days_from_civil, the reverse of what the reader does.
  const civil = (isBefore ? 1 - year : year) - (month <= 2 ? 1 : 0)
  const era = Math.floor(civil / 400)
  const yearOfEra = civil - era * 400
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1
  return era * 146_097 + yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear - 719_468
}

/** NaN for what is no whole number. */
function numberOf(bytes: Buffer, start: number, end: number): number {
  if (start >= end) return Number.NaN
  let value = 0
  for (let at = start; at < end; at += 1) {
    const byte = bytes[at] as number
    if (byte < zero || byte > nine) return Number.NaN
    value = value * 10 + byte - zero
  }
  return value
}

/** `12:30:00.5` up to `end`, in microseconds. NaN for anything else. */
function microsOfDay(bytes: Buffer, start: number, end: number): number {
  const seconds =
    numberOf(bytes, start, start + 2) * 3600 +
    numberOf(bytes, start + 3, start + 5) * 60 +
    numberOf(bytes, start + 6, start + 8)
  if (end - start === 8) return seconds * 1e6
  const digits = end - start - 9
  return bytes[start + 8] === dot && digits <= 6
    ? seconds * 1e6 + numberOf(bytes, start + 9, end) * 10 ** (6 - digits)
    : Number.NaN
}

function parseTime(bytes: Buffer, start: number, end: number, into: ParsedField): boolean {
  into.number = microsOfDay(bytes, start, end)
  into.big = null
  return !Number.isNaN(into.number)
}

const plus = 0x2b
const colon = 0x3a
const space = 0x20

/** `2024-02-29 12:00:00.5+05:30 BC`; without a zone it is taken as it stands. */
function parseTimestamp(bytes: Buffer, start: number, end: number, into: ParsedField): boolean {
  const isBefore = endsBeforeChrist(bytes, start, end)
  const last = isBefore ? end - 3 : end
  const middle = bytes.indexOf(space, start)
  if (middle === -1 || middle >= last) return false
  let zone = middle + 9
  while (zone < last && bytes[zone] !== plus && bytes[zone] !== minus) zone += 1
  const days = daysOf(bytes, start, middle, isBefore)
  const micros = microsOfDay(bytes, middle + 1, zone)
  const offset = zone === last ? 0 : offsetOf(bytes, zone, last)
  if (Number.isNaN(days + micros + offset)) return false
  const seconds = days * 86_400 - offset
  into.number = seconds * 1e6 + micros
  into.big = Number.isSafeInteger(into.number) ? null : BigInt(seconds) * 1_000_000n + BigInt(micros)
  return true
}

/** `+08`, `-03:30`, `+05:53:28`, in seconds. */
function offsetOf(bytes: Buffer, start: number, end: number): number {
  let seconds = 0
  for (let at = start + 1, unit = 3600; at < end; at += 3, unit /= 60) {
    seconds += numberOf(bytes, at, at + 2) * unit
    if (at + 2 < end && bytes[at + 2] !== colon) return Number.NaN
  }
  return bytes[start] === minus ? -seconds : seconds
}
