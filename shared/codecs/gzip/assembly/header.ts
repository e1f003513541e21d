import { makeTable } from './codes'
import {
  blockType, codeOfDistances, codeOfLengths, codeOfSymbols, needsInput, noEndOfBlock, repeat, storedLength, tooManySymbols,
} from './answers'
import {
  distanceBits, distanceMeanings, distanceTable, lengthMeanings, lengths, lengthTable, symbolBits, symbolMeanings, symbolTable,
} from './memory'
import { makeRuns } from './runs'

/** Of the block whose header was read last. */
export let isLast: bool = false
export let isStored: bool = false
export let storedBytes: i32 = 0

const lengthBits: i32 = 7

/** Up to 25 bits, whatever lies behind the input. */
// @ts-ignore: a decorator of AssemblyScript
@inline
function bitsAt(position: i32, count: i32): i32 {
  return (load<u32>(position >> 3) >> (position & 7)) & ((1 << count) - 1)
}

/**
 * Reads the header of a block (RFC 1951, 3.2.3) and makes its tables. One that is not all there is read again from its
 * beginning. Faults are those that zlib tells, in its order.
 * @param position in bits, as is `end`
 * @returns the position behind it, or an answer
 */
export function readHeader(position: i32, end: i32): i32 {
  if (position + 3 > end) return needsInput
  isLast = bitsAt(position, 1) != 0
  const type = bitsAt(position + 1, 2)
  const behind = position + 3
  isStored = type == 0
  if (type == 0) return readStored((behind + 7) & ~7, end)
  if (type == 2) return readCodes(behind, end)
  return type == 1 ? useFixed(behind) : blockType
}

function readStored(position: i32, end: i32): i32 {
  if (position + 32 > end) return needsInput
  storedBytes = bitsAt(position, 16)
  return storedBytes == (bitsAt(position + 16, 16) ^ 0xffff) ? position + 32 : storedLength
}

/** RFC 1951, 3.2.6. */
function useFixed(position: i32): i32 {
  memory.fill(lengths, 8, 144)
  memory.fill(lengths + 144, 9, 112)
  memory.fill(lengths + 256, 7, 24)
  memory.fill(lengths + 280, 8, 8)
  makeTable(lengths, 288, symbolMeanings, symbolTable, symbolBits, true)
  memory.fill(lengths, 5, 32)
  makeTable(lengths, 32, distanceMeanings, distanceTable, distanceBits, true)
  makeRuns()
  return position
}

/** RFC 1951, 3.2.7. */
function readCodes(position: i32, end: i32): i32 {
  if (position + 14 > end) return needsInput
  const symbols = 257 + bitsAt(position, 5)
  const distances = 1 + bitsAt(position + 5, 5)
  const ownLengths = 4 + bitsAt(position + 10, 4)
  if (symbols > 286 || distances > 30) return tooManySymbols
  const behind = position + 14
  if (behind + 3 * ownLengths > end) return needsInput
  memory.fill(lengths, 0, 19)
  for (let index = 0; index < ownLengths; index += 1)
    store<u8>(lengths + placeOf(index), <u8>bitsAt(behind + 3 * index, 3))
  if (!makeTable(lengths, 19, lengthMeanings, lengthTable, lengthBits, false)) return codeOfLengths
  const read = readLengths(behind + 3 * ownLengths, end, symbols + distances)
  if (read <= 0) return read
  if (load<u8>(lengths + 256) == 0) return noEndOfBlock
  if (!makeTable(lengths, symbols, symbolMeanings, symbolTable, symbolBits, true)) return codeOfSymbols
  if (!makeTable(lengths + symbols, distances, distanceMeanings, distanceTable, distanceBits, true)) return codeOfDistances
  makeRuns()
  return read
}

/** 16, 17, 18, 0, and from there away from 8 to both sides: 8, 7, 9, 6, 10, … */
function placeOf(index: i32): i32 {
  if (index < 4) return index == 3 ? 0 : 16 + index
  return (index & 1) == 0 ? 6 + (index >> 1) : 10 - ((index + 1) >> 1)
}

function readLengths(from: i32, end: i32, count: i32): i32 {
  let position = from
  for (let index = 0; index < count; ) {
    const entry = load<u32>(lengthTable + (bitsAt(position, lengthBits) << 2))
    const length = entry >> 16
    const behind = position + <i32>(entry & 0xff)
    const extra = length < 16 ? 0 : length == 16 ? 2 : length == 17 ? 3 : 7
    if (behind + extra > end) return needsInput
    position = behind + extra
    if (length < 16) {
      store<u8>(lengths + index, <u8>length)
      index += 1
      continue
    }
    const times = bitsAt(behind, extra) + (length == 18 ? 11 : 3)
    if ((length == 16 && index == 0) || index + times > count) return repeat
    memory.fill(lengths + index, length == 16 ? load<u8>(lengths + index - 1) : 0, times)
    index += times
  }
  return position
}
