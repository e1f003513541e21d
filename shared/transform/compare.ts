import { RefusedValue } from './refused.ts'

/** Below zero: the left one is less. NaN: they have no order, as Java has none for its NaN. */
export type Order = number

/** By UTF-16 units, as Java's `compareTo` does; a locale has no say. */
export const compareTexts = (left: string, right: string): Order => (left < right ? -1 : left > right ? 1 : 0)

const wholeNumber = /^[+-]?\d{1,40}$/

export function readWhole(text: string): bigint | null {
  const trimmed = text.trim()
  return wholeNumber.test(trimmed) ? BigInt(trimmed.replace(/^\+/, '')) : null
}

export const compareWholes = (left: bigint, right: bigint): Order => (left < right ? -1 : left > right ? 1 : 0)

const decimal = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d{1,6})?$/i
const names: Readonly<Record<string, number>> = {
  nan: Number.NaN,
  infinity: Number.POSITIVE_INFINITY,
  '+infinity': Number.POSITIVE_INFINITY,
  '-infinity': Number.NEGATIVE_INFINITY,
}

export interface Decimal {
  readonly text: string
  readonly near: number
}

/** A number as it is written, and the double next to it; null for what is none. */
export function readDecimal(text: string): Decimal | null {
  const trimmed = text.trim().toLowerCase()
  const named = Object.hasOwn(names, trimmed) ? names[trimmed] : undefined
  if (named !== undefined) return { text: trimmed, near: named }
  return decimal.test(trimmed) ? { text: trimmed, near: Number(trimmed) } : null
}

/**
 * Exactly, where DataX compares doubles and so takes two keys of 20 digits for one. Doubles keep the order of what they
 * are next to, so the digits decide only where these are the same.
 */
export function compareDecimals(left: Decimal, right: Decimal): Order {
  if (Number.isNaN(left.near) || Number.isNaN(right.near)) return Number.NaN
  if (left.near !== right.near) return left.near - right.near < 0 ? -1 : 1
  if (!decimal.test(left.text) || !decimal.test(right.text)) return 0
  return compareDigits(digitsOf(left.text), digitsOf(right.text))
}

interface Digits {
  readonly sign: number
  /** Without zeros at either end; empty for zero. */
  readonly digits: string
  /** Of the first digit: 1 for 0.1 to 0.99…. */
  readonly magnitude: number
}

function digitsOf(text: string): Digits {
  const [mantissa = '', exponent = '0'] = text.split('e')
  const [whole = '', fraction = ''] = mantissa.replace(/^[+-]/, '').split('.')
  const significant = (whole + fraction).replace(/^0+/, '')
  const zeros = whole.length + fraction.length - significant.length
  const digits = significant.replace(/0+$/, '')
  const sign = digits === '' ? 0 : text.startsWith('-') ? -1 : 1
  return { sign, digits, magnitude: whole.length - zeros + Number(exponent) }
}

function compareDigits(left: Digits, right: Digits): Order {
  if (left.sign !== right.sign || left.sign === 0) return left.sign - right.sign
  if (left.magnitude !== right.magnitude) return left.sign * (left.magnitude - right.magnitude)
  return left.sign * compareTexts(left.digits, right.digits)
}

/** What DataX assumes of a value that names no zone: `common.column.timeZone`, GMT+8. */
const assumedOffset = '+08:00'

const instant = /^(?:(\d{4})-(\d\d)-(\d\d))?[ T]?(?:(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?)?\s*(Z|[+-]\d\d(?::?\d\d)?)?$/

/**
 * Milliseconds since 1970, as DataX has a date; a time of day is of that day.
 * @throws RefusedValue for what has none, such as `infinity` and years before Christ
 */
export function millisecondsOf(text: string): bigint {
  const found = instant.exec(text.trim())
  const [, year, month, day, hour, minute, second, fraction = '', zone] = found ?? []
  if (found === null || (year === undefined && hour === undefined)) throw noDate()
  const date = `${year ?? '1970'}-${month ?? '01'}-${day ?? '01'}`
  const time = `${hour ?? '00'}:${minute ?? '00'}:${second ?? '00'}.${fraction.padEnd(3, '0').slice(0, 3)}`
  const parsed = Date.parse(`${date}T${time}${offsetOf(zone)}`)
  if (Number.isNaN(parsed)) throw noDate()
  return BigInt(parsed)
}

const noDate = () => new RefusedValue('the value is no date that has milliseconds since 1970')

function offsetOf(zone: string | undefined): string {
  if (zone === undefined) return assumedOffset
  if (zone === 'Z') return zone
  const digits = zone.slice(1).replace(':', '').padEnd(4, '0')
  return `${zone[0]}${digits.slice(0, 2)}:${digits.slice(2)}`
}
