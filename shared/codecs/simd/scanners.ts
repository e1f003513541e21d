import { openProgram } from './open-program.ts'

/** Places just behind the line ends of records, counted from the start of a piece. */
export interface RecordEnds {
  readonly count: number
  /** The first `count` are meant; valid until the scanner is asked again. */
  readonly places: Int32Array
  /** A record of the piece may begin with a backslash, as the line that ends a COPY does; where not, none does. */
  readonly mayBeginWithBackslash: boolean
}

/** Finds where records end, without looking into fields. Keeps its state from piece to piece. */
export interface RecordScanner {
  find(piece: Buffer): RecordEnds
  /** The bytes so far end inside a quoted field. */
  isInQuotes(): boolean
}

/** Every `newline` ends a record. */
export function lineScanner(newline: number): RecordScanner {
  const find = findByWindows((length) => openProgram().calls.findLineEnds(length, newline))
  return { find, isInQuotes: () => false }
}

/** A `newline` ends a record outside quotes, which each `quote` opens or closes. */
export function toggleScanner(quote: number, newline: number): RecordScanner {
  let inQuotes = 0
  const find = findByWindows((length) => {
    const { calls } = openProgram()
    const count = calls.findRecordEnds(length, quote, newline, inQuotes)
    inQuotes = calls.inQuotes.value
    return count
  })
  return { find, isInQuotes: () => inQuotes !== 0 }
}

/** @param findIn looks at the first `length` bytes of the input; returns how many ends it found */
function findByWindows(findIn: (length: number) => number): RecordScanner['find'] {
  let places = new Int32Array(usualRecords)
  let atStart = true
  return (piece) => {
    const { calls, bytes, numbers } = openProgram()
    const windowBytes = calls.inputBytes.value
    const first = calls.ends.value >> 2
    let count = 0
    let mayBeginWithBackslash = false
    for (let at = 0; at < piece.length; at += windowBytes) {
      const window = piece.subarray(at, at + windowBytes)
      bytes.set(window, calls.input.value)
      // What lies there from before is no byte of the file.
      bytes[calls.input.value + window.length] = 0
      const found = findIn(window.length)
      mayBeginWithBackslash ||= (atStart && window[0] === backslash) || calls.backslashes.value !== 0
      atStart = found > 0 && numbers[first + found - 1] === window.length
      if (count + found > places.length) places = longer(places, count + found)
      places.set(numbers.subarray(first, first + found), count)
      if (at > 0) for (let index = count; index < count + found; index += 1) places[index] = at + (places[index] ?? 0)
      count += found
    }
    return { count, places, mayBeginWithBackslash }
  }
}

const backslash = 0x5c

/** Of a piece of 256 KB with records of 64 bytes. */
export const usualRecords = 4096

export function longer(numbers: Int32Array, atLeast: number): Int32Array<ArrayBuffer> {
  const next = new Int32Array(Math.max(atLeast, 2 * numbers.length))
  next.set(numbers)
  return next
}
