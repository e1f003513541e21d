/*
 * The inner loop of CRC-64 as a WebAssembly module of 400 bytes, put together here, so that nothing has to be compiled when we are
 * built. JavaScript has no integers of 64 bits but slow ones: with two halves it took 1.1 CPU-seconds a GB, this takes 0.4.
 * https://webassembly.github.io/spec/core/binary/
 */

/** Tables of 256 entries of 8 bytes. */
export const tableCount = 16
export const tableBytes = 256 * 8
export const pageBytes = 64 * 1024
export const memoryPages = 3

const i32 = 0x7f
const i64 = 0x7e
const none = 0x40

/** LEB128, of numbers that are not negative; `signed` leaves room for the sign. */
function leb(number: number, signed = false): number[] {
  const last = signed ? 0x40 : 0x80
  return number < last ? [number] : [(number & 0x7f) | 0x80, ...leb(number >>> 7, signed)]
}
const sized = (bytes: readonly number[]) => [...leb(bytes.length), ...bytes]
const listed = (items: readonly (readonly number[])[]) => [...leb(items.length), ...items.flat()]
const section = (id: number, items: readonly (readonly number[])[]) => [id, ...sized(listed(items))]
const named = (name: string, kind: number) => [...sized([...Buffer.from(name)]), kind, 0]

const get = (local: number) => [0x20, local]
const set = (local: number) => [0x21, local]
const number = (value: number) => [0x41, ...leb(value, true)]
const load64 = (offset = 0) => [0x29, 0, ...leb(offset)]
const loadByte = [0x2d, 0, 0]
const [and, shiftLeft, xor32, add, subtract] = [[0x71], [0x74], [0x73], [0x6a], [0x6b]] as const
const [xor64, toNumber, above, atLeast, end] = [[0x85], [0xa7], [0x4b], [0x4f], [0x0b]] as const
const shiftRight = (bits: number) => [0x42, ...leb(bits, true), 0x88]
const leaveIf = [0x0d, 1]
const again = [0x0c, 0]
/** Until `leaveIf`. */
const repeat = (...body: (readonly number[])[]) => [0x02, none, 0x03, none, ...body.flat(), ...again, ...end, ...end]

const [crc, at, stop, first, second, lastWord] = [0, 1, 2, 3, 4, 5] as const

/** Where the entry of a byte begins in its table: eight times the byte, here of the number that is on the stack. */
const entryOfLast = [...number(255), ...and, ...number(3), ...shiftLeft]
/** Shifted to eight times itself and masked there, which saves a shift: 0.4 in the place of 0.6 CPU-seconds a GB. */
const entryOf = (word: number, index: number) =>
  index === 0
    ? [...get(word), ...toNumber, ...entryOfLast]
    : [...get(word), ...shiftRight(8 * index - 3), ...toNumber, ...number(255 * 8), ...and]
const lookUp = (table: number) => load64(table * tableBytes)

/** In pairs, so that no sum waits for one before it: a row of sums took 0.54 CPU-seconds a GB. */
function sumOf(terms: readonly (readonly number[])[]): readonly number[] {
  const [only = [], ...others] = terms
  if (others.length === 0) return only
  const half = terms.length / 2
  return [...sumOf(terms.slice(0, half)), ...sumOf(terms.slice(half)), ...xor64]
}

/** Sixteen bytes a step: the sum of what each comes to ("slicing by 16"). */
const step = sumOf(
  Array.from({ length: tableCount }, (_, place) => [
    ...entryOf(place < 8 ? first : second, place % 8),
    ...lookUp(tableCount - 1 - place),
  ]),
)

/** `update(crc, at, stop)`: the register after the bytes of memory from `at` to `stop`. The tables lie at 0. */
const update = [
  ...get(stop),
  ...number(16),
  ...subtract,
  ...set(lastWord),
  ...repeat(
    [...get(at), ...get(lastWord), ...above, ...leaveIf],
    [...get(at), ...load64(), ...get(crc), ...xor64, ...set(first)],
    [...get(at), ...load64(8), ...set(second)],
    [...step, ...set(crc)],
    [...get(at), ...number(16), ...add, ...set(at)],
  ),
  ...repeat(
    [...get(at), ...get(stop), ...atLeast, ...leaveIf],
    [...get(crc), ...toNumber, ...get(at), ...loadByte, ...xor32, ...entryOfLast, ...lookUp(0)],
    [...get(crc), ...shiftRight(8), ...xor64, ...set(crc)],
    [...get(at), ...number(1), ...add, ...set(at)],
  ),
  ...get(crc),
  ...end,
]

export const crc64Module = (): Uint8Array =>
  Uint8Array.from([
    ...Buffer.from('\0asm', 'latin1'),
    ...[1, 0, 0, 0],
    ...section(1, [[0x60, ...listed([[i64], [i32], [i32]]), ...listed([[i64]])]]),
    ...section(3, [[0]]),
    ...section(5, [[0, memoryPages]]),
    ...section(7, [named('update', 0), named('memory', 2)]),
    ...section(10, [
      sized([
        ...listed([
          [2, i64],
          [1, i32],
        ]),
        ...update,
      ]),
    ]),
  ])
