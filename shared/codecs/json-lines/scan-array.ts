import {
  backslash,
  closeBrace,
  closeBracket,
  comma,
  endsPlain,
  lineFeed,
  openBrace,
  openBracket,
  quote,
} from './scan-value.ts'

/** Told of a byte between elements: a comma, or the bracket behind the last one; and of line feeds that lie elsewhere. */
export interface OnArrayByte {
  /** @param isEmpty nothing but blanks lies between it and the one before */
  onComma(at: number, isEmpty: boolean): void
  onClose(at: number, isEmpty: boolean): void
  onLineFeed?(at: number, inString: boolean): void
}

/** Walks through the elements of a JSON array, without looking into them. Keeps its state from piece to piece. */
export interface ArrayScanner {
  scan(piece: Buffer, on: OnArrayByte): void
  /** Only blanks have come since the last comma or bracket between elements. */
  isEmpty(): boolean
}

/** What a byte means outside strings. */
const blank = 0
const token = 1
const meanings = new Uint8Array(256).fill(token)
const opens = 2
const closes = 3
for (const byte of [0x20, 0x09, 0x0d]) meanings[byte] = blank
for (const byte of [openBrace, openBracket]) meanings[byte] = opens
for (const byte of [closeBrace, closeBracket]) meanings[byte] = closes
for (const byte of [quote, comma, lineFeed]) meanings[byte] = byte

/** Begins behind the bracket that opens the array, or behind a comma between two elements. */
export function arrayScanner(): ArrayScanner {
  let depth = 0
  let inString = false
  let escaped = false
  let isEmpty = true

  /** @returns behind the string, or the end of the piece */
  function passString(piece: Buffer, start: number, on: OnArrayByte): number {
    const { length } = piece
    for (let at = start; at < length; at += 1) {
      if (escaped) escaped = false
      else {
        while (at < length && endsPlain[piece[at] as number] === 0) at += 1
        if (piece[at] === backslash) escaped = true
        else if (piece[at] === quote) {
          inString = false
          return at + 1
        }
      }
      if (piece[at] === lineFeed) on.onLineFeed?.(at, true)
    }
    return length
  }

  return {
    isEmpty: () => isEmpty,
    scan(piece, on) {
      let at = inString ? passString(piece, 0, on) : 0
      // What changes with every byte is kept beside the state, where it costs nothing.
      let level = depth
      let empty = isEmpty
      const { length } = piece
      while (at < length) {
        const meaning = meanings[piece[at] as number] as number
        at += 1
        if (meaning === token) empty = false
        else if (meaning === quote) {
          empty = false
          inString = true
          at = passString(piece, at, on)
        } else if (meaning === opens) {
          empty = false
          level += 1
        } else if (meaning === comma) {
          if (level > 0) continue
          on.onComma(at - 1, empty)
          empty = true
        } else if (meaning === closes) {
          if (level > 0) level -= 1
          else if (piece[at - 1] === closeBracket) {
            on.onClose(at - 1, empty)
            empty = true
          } else empty = false
        } else if (meaning === lineFeed) on.onLineFeed?.(at - 1, false)
      }
      depth = level
      isEmpty = empty
    },
  }
}
