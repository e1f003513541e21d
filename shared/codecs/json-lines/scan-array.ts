import { backslash, closeBrace, closeBracket, comma, lineFeed, openBrace, openBracket, quote } from './scan-value.ts'

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

/** What a byte means outside strings; 0: nothing, 1: nothing, and it is no blank. */
const meanings = new Uint8Array(256).fill(1)
const blank = 0
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
    for (let at = start; at < piece.length; at += 1) {
      const byte = piece[at]
      if (escaped) escaped = false
      else if (byte === backslash) escaped = true
      else if (byte === quote) {
        inString = false
        return at + 1
      }
      if (byte === lineFeed) on.onLineFeed?.(at, true)
    }
    return piece.length
  }

  function closeAt(piece: Buffer, at: number, on: OnArrayByte): void {
    if (depth > 0) depth -= 1
    else if (piece[at] === closeBracket) {
      on.onClose(at, isEmpty)
      isEmpty = true
    } else isEmpty = false
  }

  return {
    isEmpty: () => isEmpty,
    scan(piece, on) {
      let at = inString ? passString(piece, 0, on) : 0
      while (at < piece.length) {
        const meaning = meanings[piece[at] as number] as number
        at += 1
        if (meaning === blank) continue
        if (meaning === lineFeed) {
          on.onLineFeed?.(at - 1, false)
        } else if (meaning === comma && depth === 0) {
          on.onComma(at - 1, isEmpty)
          isEmpty = true
        } else if (meaning === closes) closeAt(piece, at - 1, on)
        else {
          isEmpty = false
          if (meaning === opens) depth += 1
          else if (meaning === quote) {
            inString = true
            at = passString(piece, at, on)
          }
        }
      }
    },
  }
}
