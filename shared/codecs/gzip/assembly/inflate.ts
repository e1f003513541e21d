import { goesOn, isDone, isFull, needsInput } from './answers'
import { unpackFast, written as writtenFast } from './fast'
import { isLast, isStored, readHeader, storedBytes } from './header'
import { output, outputBytes, stepBytes, window, windowBytes } from './memory'
import { isBlockEnd, unpackOne, written as writtenOne } from './slow'

const limit: usize = output + outputBytes

/** The byte of the input that the next call has to find at its beginning, as its last bits may still be needed. */
export let at: usize = 0
/** Behind what was unpacked. */
export let to: usize = output

let position: i32 = 0
let isInBlock: bool = false
let storedLeft: i32 = 0
/** Where the member began: a match may not reach beyond. */
let oldest: usize = output

/** Begins a member, behind whatever was unpacked. */
export function begin(): void {
  position = 0
  isInBlock = false
  oldest = to
}

/** Makes room for more: what was unpacked has been taken, and its end becomes the window. */
export function slide(): void {
  const by = to - output
  memory.copy(window, window + by, windowBytes)
  oldest = oldest > window + by ? oldest - by : window
  to = output
}

/** Unpacks until one of the answers is due. */
export function inflate(from: usize, end: usize): i32 {
  // Of the byte that was begun, the bits that are left.
  position = (<i32>from << 3) | (position & 7)
  let answer = goesOn
  while (answer == goesOn) answer = isInBlock ? readBlock(end) : beginBlock(end)
  at = <usize>(position >> 3)
  return answer
}

function beginBlock(end: usize): i32 {
  const behind = readHeader(position, <i32>end << 3)
  if (behind <= 0) return behind
  position = behind
  isInBlock = true
  storedLeft = isStored ? storedBytes : 0
  return goesOn
}

function readBlock(end: usize): i32 {
  const answer = isStored ? copyStored(end) : unpackCoded(end)
  if (answer != goesOn) return answer
  isInBlock = false
  if (!isLast) return goesOn
  // What is left of the byte belongs to no block.
  position = (position + 7) & ~7
  return isDone
}

/** A stored block begins with a whole byte. */
function copyStored(end: usize): i32 {
  const from = <usize>(position >> 3)
  const count = min(storedLeft, min(<i32>(end - from), <i32>(limit - to)))
  memory.copy(to, from, count)
  to += count
  storedLeft -= count
  position += count << 3
  if (storedLeft == 0) return goesOn
  return from + count == end ? needsInput : isFull
}

function unpackCoded(end: usize): i32 {
  while (true) {
    position = unpackFast(position, end, to, limit, oldest)
    to = writtenFast
    if (to + stepBytes > limit) return isFull
    const behind = unpackOne(position, <i32>end << 3, to, oldest)
    if (behind <= 0) return behind
    position = behind
    to = writtenOne
    if (isBlockEnd) return goesOn
  }
}
