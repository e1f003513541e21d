import { type CopyOutput, makeRoom, writeAscii } from './copy-output.ts'
import type { TimeUnit } from './logical-type.ts'
import { writeDigits } from './write-number.ts'

const colon = 0x3a
const dash = 0x2d
const space = 0x20
const dot = 0x2e
const zero = 0x30
const secondsOfDay = 86_400

/** Days since 1970-01-01 as a date; years before 1 as PostgreSQL has them, `0044-03-15 BC`. @returns whether it was one of these */
export function writeDate(days: number, out: CopyOutput): boolean {
  makeRoom(out, 24)
  // Howard Hinnant's civil_from_days: eras of 400 years, which begin on a first of March.
  const shifted = days + 719_468
  const era = Math.floor(shifted / 146_097)
  const day = shifted - era * 146_097
  const year = ((day - ((day / 1460) | 0) + ((day / 36_524) | 0) - ((day / 146_096) | 0)) / 365) | 0
  const dayOfYear = day - (365 * year + ((year / 4) | 0) - ((year / 100) | 0))
  const month = ((5 * dayOfYear + 2) / 153) | 0
  const civilMonth = month < 10 ? month + 3 : month - 9
  const civilYear = year + era * 400 + (civilMonth <= 2 ? 1 : 0)
  const told = civilYear > 0 ? civilYear : 1 - civilYear
  writeDigits(told, told < 10_000 ? 4 : String(told).length, out)
  out.bytes[out.at++] = dash
  writeTwo(civilMonth, out)
  out.bytes[out.at++] = dash
  writeTwo(dayOfYear - (((153 * month + 2) / 5) | 0) + 1, out)
  return civilYear <= 0
}

const beforeChrist = ' BC'

export function writeDateAlone(days: number, out: CopyOutput): void {
  if (writeDate(days, out)) writeAscii(beforeChrist, out)
}

/** @param seconds since 1970-01-01 @param fraction of a second, in units */
export function writeTimestamp(seconds: number, fraction: number, unit: TimeUnit, zone: string, out: CopyOutput): void {
  const days = Math.floor(seconds / secondsOfDay)
  const isBefore = writeDate(days, out)
  makeRoom(out, 32)
  out.bytes[out.at++] = space
  writeClock(seconds - days * secondsOfDay, fraction, unit, out)
  if (zone !== '') writeAscii(zone, out)
  if (isBefore) writeAscii(beforeChrist, out)
}

/** @param seconds of the day */
export function writeTime(seconds: number, fraction: number, unit: TimeUnit, zone: string, out: CopyOutput): void {
  makeRoom(out, 32)
  writeClock(seconds, fraction, unit, out)
  if (zone !== '') writeAscii(zone, out)
}

/** Zeros at the end of a fraction are left out, as the server prints it. */
function writeClock(seconds: number, fraction: number, unit: TimeUnit, out: CopyOutput): void {
  const hours = Math.floor(seconds / 3600)
  if (hours > 99 || hours < 0) writeAscii(String(hours), out)
  else writeTwo(hours, out)
  makeRoom(out, 20)
  const rest = seconds - hours * 3600
  out.bytes[out.at++] = colon
  writeTwo((rest / 60) | 0, out)
  out.bytes[out.at++] = colon
  writeTwo(rest % 60, out)
  if (fraction === 0) return
  out.bytes[out.at++] = dot
  writeDigits(fraction, unit, out)
  while (out.bytes[out.at - 1] === zero) out.at -= 1
}

function writeTwo(value: number, out: CopyOutput): void {
  const tens = (value / 10) | 0
  out.bytes[out.at] = zero + tens
  out.bytes[out.at + 1] = zero + value - tens * 10
  out.at += 2
}
