import type { CopyOutput } from '../parquet/copy-output.ts'
import { makeRoom } from '../parquet/copy-output.ts'

/** What a struct holds, by field numbers in rising order; null leaves a field out. */
export type ThriftValue =
  | { readonly i32: number }
  | { readonly i64: number }
  | { readonly i8: number }
  | { readonly text: string }
  | { readonly flag: boolean }
  | { readonly struct: ThriftStruct }
  | { readonly list: readonly ThriftValue[] }
export type ThriftStruct = readonly (readonly [id: number, value: ThriftValue | null])[]

/** Thrift's compact protocol (thrift-compact-protocol.md). */
export function writeStruct(out: CopyOutput, fields: ThriftStruct): void {
  let before = 0
  for (const [id, value] of fields) {
    if (value === null) continue
    makeRoom(out, 16)
    const type = 'flag' in value ? (value.flag ? 1 : 2) : typeOf(value)
    if (id - before <= 15) out.bytes[out.at++] = ((id - before) << 4) | type
    else {
      out.bytes[out.at++] = type
      writeZigzag(out, id)
    }
    before = id
    if (!('flag' in value)) writeValue(out, value)
  }
  makeRoom(out, 1)
  out.bytes[out.at++] = 0
}

function typeOf(value: ThriftValue): number {
  if ('i8' in value) return 3
  if ('i32' in value) return 5
  if ('i64' in value) return 6
  if ('text' in value) return 8
  return 'list' in value ? 9 : 12
}

function writeValue(out: CopyOutput, value: ThriftValue): void {
  if ('struct' in value) writeStruct(out, value.struct)
  else if ('text' in value) {
    const length = Buffer.byteLength(value.text)
    writeVarint(out, length)
    makeRoom(out, length)
    out.at += out.bytes.write(value.text, out.at, 'utf8')
  } else if ('list' in value) {
    const [first] = value.list
    makeRoom(out, 16)
    const type = first === undefined ? 12 : typeOf(first)
    if (value.list.length < 15) out.bytes[out.at++] = (value.list.length << 4) | type
    else {
      out.bytes[out.at++] = 0xf0 | type
      writeVarint(out, value.list.length)
    }
    for (const item of value.list) writeValue(out, item)
  } else if ('i8' in value) {
    makeRoom(out, 1)
    out.bytes[out.at++] = value.i8
  } else if ('i32' in value) writeZigzag(out, value.i32)
  else if ('i64' in value) writeZigzag(out, value.i64)
}

const writeZigzag = (out: CopyOutput, value: number) => writeVarint(out, value < 0 ? -2 * value - 1 : 2 * value)

export function writeVarint(out: CopyOutput, value: number): void {
  makeRoom(out, 10)
  let rest = value
  while (rest >= 128) {
    out.bytes[out.at++] = (rest % 128) | 128
    rest = Math.floor(rest / 128)
  }
  out.bytes[out.at++] = rest
}
