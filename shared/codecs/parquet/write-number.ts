import { type CopyOutput, makeRoom, writeAscii } from './copy-output.ts'

/** Digits of any number that is written without `BigInt`, its sign and point: no more than 20. */
const digitRoom = 24
const zero = 0x30
const minus = 0x2d
const dot = 0x2e

/** A whole number of no more than 2^53, with its sign. */
export function writeInteger(value: number, out: CopyOutput): void {
  makeRoom(out, digitRoom)
  let rest = value
  if (rest < 0) {
    out.bytes[out.at++] = minus
    rest = -rest
  }
  writeDigits(rest, digitsOf(rest), out)
}

const powers = Array.from({ length: 17 }, (_, power) => 10 ** power)

function digitsOf(value: number): number {
  let digits = 1
  while (digits < 17 && value >= (powers[digits] as number)) digits += 1
  return digits
}

/** The lowest `digits` of a whole number that is not negative, with zeros before it; the caller has made room. */
export function writeDigits(value: number, digits: number, out: CopyOutput): void {
  const to = out.bytes
  let rest = value
  let at = out.at + digits
  // Beyond 31 bits each division is one of floats: nine digits are split off first.
  if (rest > 0x7fffffff) {
    const high = Math.floor(rest / 1e9)
    let low = rest - high * 1e9
    for (let digit = 0; digit < 9 && at > out.at; digit += 1) {
      const next = (low / 10) | 0
      to[--at] = zero + low - next * 10
      low = next
    }
    rest = high
  }
  while (at > out.at) {
    const next = (rest / 10) | 0
    to[--at] = zero + rest - next * 10
    rest = next
  }
  out.at += digits
}

/** A whole number as one with `scale` digits behind its point. */
export function writeDecimal(value: number, scale: number, out: CopyOutput): void {
  if (scale === 0) writeInteger(value, out)
  else if (scale > 15) writeBigDecimal(BigInt(value), scale, out)
  else writeScaled(value, scale, out)
}

function writeScaled(value: number, scale: number, out: CopyOutput): void {
  makeRoom(out, digitRoom)
  let rest = value
  if (rest < 0) {
    out.bytes[out.at++] = minus
    rest = -rest
  }
  const power = powers[scale] as number
  let whole = Math.floor(rest / power)
  // A quotient just below a whole number may have been rounded up to it.
  if (whole * power > rest) whole -= 1
  writeDigits(whole, digitsOf(whole), out)
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
