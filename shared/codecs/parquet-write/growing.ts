import { type CopyOutput, makeRoom } from '../parquet/copy-output.ts'
import type { ParsedField } from './parse-field.ts'

/** Appends a number of 4 or 8 bytes, the lowest first. */
export function writeWhole(out: CopyOutput, { number, big }: ParsedField, bytes: 4 | 8): void {
  makeRoom(out, 8)
  const to = out.bytes
  if (bytes === 4) to.writeInt32LE(number | 0, out.at)
  else if (big !== null) to.writeBigInt64LE(big, out.at)
  else {
    const high = Math.floor(number / 2 ** 32)
    to.writeUInt32LE(number - high * 2 ** 32, out.at)
    to.writeInt32LE(high, out.at + 4)
  }
  out.at += bytes
}

/** Two's complement, the highest byte first. */
export function writeHighFirst(out: CopyOutput, { number, big }: ParsedField, length: number): void {
  makeRoom(out, length)
  let rest = BigInt.asUintN(8 * length, big ?? BigInt(number))
  for (let at = out.at + length - 1; at >= out.at; at -= 1) {
    out.bytes[at] = Number(rest & 255n)
    rest >>= 8n
  }
  out.at += length
}

/** Whether a number of this width holds the value: a table's column may be narrower than what a query gives. */
export function fits({ number, big }: ParsedField, bytes: number): boolean {
  if (bytes <= 4) return number >= -(2 ** 31) && number < 2 ** 31
  if (big === null) return true
  return BigInt.asIntN(8 * bytes, big) === big
}
