import { type CopyOutput, makeRoom, writeAscii } from './copy-output.ts'

/** Digits of any number that is written without `BigInt`, its sign and point: no more than 20. */
const digitRoom = 24
const zero = 0x30
const minus = 0x2d
const dot = 0x2e

/** The two digits of each number below 100, the first one in the lower byte. */
const pairs = Uint16Array.from(
  { length: 100 },
  (_, number) => zero + ((number / 10) | 0) + ((zero + (number % 10)) << 8),
)

/** A whole number of no more than 2^53, with its sign. */
export function writeInteger(value: number, out: CopyOutput): void {
  makeRoom(out, digitRoom)
  writeWhole(writeSign(value, out), out)
}

/** @returns the number without its sign */
function writeSign(value: number, out: CopyOutput): number {
  if (value >= 0) return value
  out.bytes[out.at++] = minus
  return -value
}

/** Beyond, each division is one of floats: nine digits are split off first. */
const mostAtOnce = 0x7fffffff

function writeWhole(value: number, out: CopyOutput): void {
  if (value <= mostAtOnce) {
    writeFew(value, digitsOf(value), out)
    return
  }
  const high = Math.floor(value / 1e9)
  writeFew(high, digitsOf(high), out)
  writeFew(value - high * 1e9, 9, out)
}

/** Of a number that has no more than ten. */
function digitsOf(value: number): number {
  if (value < 1e5) {
    if (value < 1e3) return value < 1e2 ? (value < 10 ? 1 : 2) : 3
    return value < 1e4 ? 4 : 5
  }
  if (value < 1e7) return value < 1e6 ? 6 : 7
  return value < 1e9 ? (value < 1e8 ? 8 : 9) : 10
}

/** A whole number that is not negative and has no more than these digits, with zeros before it; the caller has made room. */
export function writeDigits(value: number, digits: number, out: CopyOutput): void {
  if (value <= mostAtOnce) {
    writeFew(value, digits, out)
    return
  }
  const high = Math.floor(value / 1e9)
  writeFew(high, digits - 9, out)
  writeFew(value - high * 1e9, 9, out)
}

/** Digits of a number of 31 bits, from the last pair to the first. */
function writeFew(value: number, digits: number, out: CopyOutput): void {
  const { view, bytes, at } = out
  out.at = at + digits
  let rest = value | 0
  let left = digits
  for (; left >= 2; left -= 2) {
    const next = (rest / 100) | 0
    view.setUint16(at + left - 2, pairs[rest - 100 * next] as number, true)
    rest = next
  }
  if (left === 1) bytes[at] = zero + (rest % 10)
}

const powers = Array.from({ length: 16 }, (_, power) => 10 ** power)

/** A whole number as one with `scale` digits behind its point. */
export function writeDecimal(value: number, scale: number, out: CopyOutput): void {
  if (scale === 0) writeInteger(value, out)
  else if (scale > 15) writeBigDecimal(BigInt(value), scale, out)
  else writeScaled(value, scale, out)
}

function writeScaled(value: number, scale: number, out: CopyOutput): void {
  makeRoom(out, digitRoom)
  const rest = writeSign(value, out)
  const power = powers[scale] as number
  let whole = Math.floor(rest / power)
  // A quotient just below a whole number may have been rounded up to it.
  if (whole * power > rest) whole -= 1
  writeWhole(whole, out)
  out.bytes[out.at++] = dot
  writeDigits(rest - whole * power, scale, out)
}

export function writeBigDecimal(value: bigint, scale: number, out: CopyOutput): void {
  const digits = String(value < 0n ? -value : value).padStart(scale + 1, '0')
  const point = digits.length - scale
  const text = scale === 0 ? digits : `${digits.slice(0, point)}.${digits.slice(point)}`
  writeAscii(value < 0n ? `-${text}` : text, out)
}

/** A number of two words is a number of ours as long as it has 53 bits. */
export const isShort = (high: number): boolean => high < 0x200000 && high >= -0x200000

export const longOf = (low: number, high: number): number => high * 2 ** 32 + (low >>> 0)

export const bigOf = (low: number, high: number): bigint => (BigInt(high) << 32n) | BigInt(low >>> 0)

/** The shortest digits that give the number again; PostgreSQL reads NaN, Infinity and exponents as JavaScript writes them. */
export function writeDouble(value: number, out: CopyOutput): void {
  if (Number.isSafeInteger(value) && !Object.is(value, -0)) writeInteger(value, out)
  else writeAscii(Object.is(value, -0) ? '-0' : String(value), out)
}

export function writeSingle(value: number, out: CopyOutput): void {
  if (Number.isSafeInteger(value) && Math.abs(value) < 1e6 && !Object.is(value, -0)) writeInteger(value, out)
  else writeAscii(Object.is(value, -0) ? '-0' : shortestSingle(value), out)
}

/** Six digits tell most numbers of single precision apart, nine all of them. */
function shortestSingle(value: number): string {
  if (!Number.isFinite(value)) return String(value)
  for (let digits = 6; digits < 9; digits += 1) {
    const text = value.toPrecision(digits)
    if (Math.fround(Number(text)) === value) return String(Number(text))
  }
  return String(Number(value.toPrecision(9)))
}
