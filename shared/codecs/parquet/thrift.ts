/** Reads Thrift's compact protocol, in which footers and page headers are written (thrift-compact-protocol.md). */
export interface ThriftReader {
  /** Where the next value stands. */
  position(): number
  /** Of i16, i32 and i64. Beyond 2^53 a number loses digits, which no size or count of a file does. */
  integer(): number
  byte(): number
  text(): string
  /** Calls `onField` for each field, which reads its value, or leaves it with `skip`. */
  struct(onField: (id: number, type: number) => void): void
  list(onItem: (type: number, index: number) => void): void
  skip(type: number): void
}

/** Types of fields. A boolean field has no bytes: its type is its value. */
export const thriftTrue = 1
const thriftFalse = 2
const int8 = 3
const int64 = 6
const double = 7
const binary = 8
const list = 9
const set = 10
const map = 11
const struct = 12

/** The deepest of the format has 6 levels; a hostile file must not overflow the stack. */
const maxDepth = 32

/** @throws RangeError for bytes that end early, or are no Thrift */
export function openThrift(bytes: Uint8Array, start: number): ThriftReader {
  let at = start
  let depth = 0

  function byte(): number {
    const value = bytes[at]
    if (value === undefined) throw new RangeError('the metadata ends early')
    at += 1
    return value
  }

  function varint(): number {
    let value = 0
    let scale = 1
    for (;;) {
      const next = byte()
      value += (next & 0x7f) * scale
      if (next < 0x80) return value
      scale *= 128
      if (scale > 2 ** 63) throw new RangeError('a number in the metadata has no end')
    }
  }

  function integer(): number {
    const value = varint()
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2
  }

  function passBytes(): number {
    const length = varint()
    const begin = at
    if (length > bytes.length - at) throw new RangeError('the metadata ends early')
    at += length
    return begin
  }

  function structOf(onField: (id: number, type: number) => void): void {
    depth += 1
    if (depth > maxDepth) throw new RangeError('the metadata is nested too deep')
    let id = 0
    for (;;) {
      const head = byte()
      if (head === 0) break
      id = head >> 4 === 0 ? integer() : id + (head >> 4)
      onField(id, head & 15)
    }
    depth -= 1
  }

  function listOf(onItem: (type: number, index: number) => void): void {
    const head = byte()
    const count = head >> 4 === 15 ? varint() : head >> 4
    for (let index = 0; index < count; index += 1) onItem(head & 15, index)
  }

  function skipMap(): void {
    const count = varint()
    if (count === 0) return
    const types = byte()
    for (let index = 0; index < count; index += 1) {
      skipItem(types >> 4)
      skipItem(types & 15)
    }
  }

  /** In lists and maps a boolean is a byte. */
  function skipItem(type: number): void {
    if (type === thriftTrue || type === thriftFalse) byte()
    else skip(type)
  }

  function skip(type: number): void {
    if (type === thriftTrue || type === thriftFalse) return
    if (type === int8) byte()
    else if (type > int8 && type <= int64) varint()
    else if (type === double) at += 8
    else if (type === binary) passBytes()
    else if (type === list || type === set) listOf(skipItem)
    else if (type === map) skipMap()
    else if (type === struct) structOf((_, fieldType) => skip(fieldType))
    else throw new RangeError(`the metadata has a field of the unknown type ${type}`)
  }

  return {
    position: () => at,
    integer,
    byte,
    text() {
      const begin = passBytes()
      return Buffer.from(bytes.buffer, bytes.byteOffset + begin, at - begin).toString('utf8')
    },
    struct: structOf,
    list: listOf,
    skip,
  }
}
