import { type CopyOutput, writeAscii, writeHex, writeText } from './copy-output.ts'
import type { LogicalType, TimeUnit } from './logical-type.ts'
import type { Leaf } from './schema-tree.ts'
import type { Values } from './values.ts'
import {
  bigOf,
  isShort,
  longOf,
  writeBigDecimal,
  writeDecimal,
  writeDouble,
  writeInteger,
  writeSingle,
} from './write-number.ts'
import { writeDateAlone, writeTime, writeTimestamp } from './write-time.ts'

/** Writes one value as COPY text, exactly. */
export type WriteValue = (values: Values, index: number, out: CopyOutput) => void

export function valueWriter(leaf: Leaf): WriteValue {
  const { type, physical } = leaf
  if (type.kind === 'integer') return integerWriter(physical === 'INT64', type)
  if (type.kind === 'decimal') return decimalWriter(leaf, type.scale)
  if (type.kind === 'time' || type.kind === 'timestamp') return timeWriter(physical === 'INT64', type)
  return others[type.kind]
}

const asBytes = (write: (from: Buffer, start: number, end: number, out: CopyOutput) => void): WriteValue => {
  return ({ bytes, starts, ends }, index, out) => write(bytes, starts[index] as number, ends[index] as number, out)
}

const writeTextOf: WriteValue = ({ bytes, view, starts, ends }, index, out) =>
  writeText(bytes, view, starts[index] as number, ends[index] as number, out)

const others: Record<Exclude<LogicalType['kind'], 'integer' | 'decimal' | 'time' | 'timestamp'>, WriteValue> = {
  boolean: ({ view }, index, out) => writeAscii(view.getInt32(4 * index, true) === 0 ? 'false' : 'true', out),
  float: ({ view }, index, out) => writeSingle(view.getFloat32(4 * index, true), out),
  double: ({ view }, index, out) => writeDouble(view.getFloat64(8 * index, true), out),
  half: ({ bytes, starts }, index, out) => writeSingle(halfOf(bytes.readUInt16LE(starts[index])), out),
  text: writeTextOf,
  json: writeTextOf,
  bytes: asBytes(writeHex),
  uuid({ bytes, starts, ends }, index, out) {
    const hex = bytes.toString('hex', starts[index], ends[index])
    writeAscii(hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-'), out)
  },
  date: ({ view }, index, out) => writeDateAlone(view.getInt32(4 * index, true), out),
  interval({ bytes, starts }, index, out) {
    const at = starts[index] as number
    const [months, days, millis] = [0, 4, 8].map((offset) => bytes.readUInt32LE(at + offset))
    writeAscii(`${months} mons ${days} days ${((millis ?? 0) / 1000).toFixed(3)} secs`, out)
  },
  int96({ view }, index, out) {
    const julian = view.getInt32(12 * index + 8, true)
    // Nanoseconds of a day have 47 bits.
    const nanos = longOf(view.getInt32(12 * index, true), view.getInt32(12 * index + 4, true))
    const seconds = Math.floor(nanos / 1e9)
    writeTimestamp((julian - julianOf1970) * 86_400 + seconds, nanos - seconds * 1e9, 9, '', out)
  },
}

const julianOf1970 = 2_440_588

function halfOf(bits: number): number {
  const exponent = (bits >> 10) & 31
  const fraction = bits & 1023
  const sign = bits & 0x8000 ? -1 : 1
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN
  return exponent === 0 ? (sign * fraction) / 2 ** 24 : sign * (1 + fraction / 1024) * 2 ** (exponent - 15)
}

/** Whatever the annotation says of its width: a value that is larger is written as what it is. */
function integerWriter(isLong: boolean, { signed }: Extract<LogicalType, { kind: 'integer' }>): WriteValue {
  if (!isLong)
    return signed
      ? ({ view }, index, out) => writeInteger(view.getInt32(4 * index, true), out)
      : ({ view }, index, out) => writeInteger(view.getUint32(4 * index, true), out)
  return ({ view }, index, out) => {
    const low = view.getInt32(8 * index, true)
    const high = view.getInt32(8 * index + 4, true)
    if (high === 0 && low >= 0) writeInteger(low, out)
    else if (isShort(high) && (signed || high >= 0)) writeInteger(longOf(low, high), out)
    else writeAscii(String(signed ? bigOf(low, high) : BigInt.asUintN(64, bigOf(low, high))), out)
  }
}

function decimalWriter({ physical }: Leaf, scale: number): WriteValue {
  if (physical === 'INT32') return ({ view }, index, out) => writeDecimal(view.getInt32(4 * index, true), scale, out)
  if (physical === 'INT64')
    return ({ view }, index, out) => {
      const low = view.getInt32(8 * index, true)
      const high = view.getInt32(8 * index + 4, true)
      if (high === 0 && low >= 0) writeDecimal(low, scale, out)
      else if (isShort(high)) writeDecimal(longOf(low, high), scale, out)
      else writeBigDecimal(bigOf(low, high), scale, out)
    }
  return ({ bytes, starts, ends }, index, out) =>
    writeBytesDecimal(bytes, starts[index] as number, ends[index] as number, scale, out)
}

/** Two's complement, the highest byte first. Most values of wide types are small. */
function writeBytesDecimal(bytes: Buffer, start: number, end: number, scale: number, out: CopyOutput): void {
  const sign = (bytes[start] as number) < 0x80 ? 0 : 0xff
  let from = start
  while (from < end - 1 && bytes[from] === sign && ((bytes[from + 1] as number) & 0x80) === (sign & 0x80)) from += 1
  const length = end - from
  if (length <= 6) writeDecimal(length === 0 ? 0 : bytes.readIntBE(from, length), scale, out)
  else writeBigDecimal(BigInt.asIntN(8 * length, BigInt(`0x${bytes.toString('hex', from, end)}`)), scale, out)
}

function timeWriter(isLong: boolean, { kind, unit, utc }: Extract<LogicalType, { unit: TimeUnit }>): WriteValue {
  const zone = utc ? '+00' : ''
  const perSecond = 10 ** unit
  const write = kind === 'time' ? writeTime : writeTimestamp
  if (!isLong)
    return ({ view }, index, out) => {
      const value = view.getInt32(4 * index, true)
      const seconds = Math.floor(value / perSecond)
      write(seconds, value - seconds * perSecond, unit, zone, out)
    }
  return ({ view }, index, out) => {
    const low = view.getInt32(8 * index, true)
    const high = view.getInt32(8 * index + 4, true)
    if (isShort(high)) {
      const value = longOf(low, high)
      let seconds = Math.floor(value / perSecond)
      // As for decimals: just below a whole number the quotient may be that number.
      if (seconds * perSecond > value) seconds -= 1
      write(seconds, value - seconds * perSecond, unit, zone, out)
      return
    }
    const value = bigOf(low, high)
    const divisor = BigInt(perSecond)
    const fraction = ((value % divisor) + divisor) % divisor
    write(Number((value - fraction) / divisor), Number(fraction), unit, zone, out)
  }
}
