import { arrayScanner } from './scan-array.ts'
import { lineFeed } from './scan-value.ts'

const blank = 0x20
/** As little allowed in a string as a line feed is. */
const control = 0x01

/**
 * Elements of a JSON array as JSON Lines, byte for byte, so that offsets stay what they are: a comma between two elements
 * becomes the end of a line, as the bracket behind the last one does, and a line feed within one becomes a blank. The first
 * piece begins with an element; each is a copy.
 */
export function elementsAsLines(): (piece: Uint8Array) => Buffer {
  const scanner = arrayScanner()
  return (given) => {
    const piece = Buffer.from(given)
    const endLine = (at: number) => {
      piece[at] = lineFeed
    }
    scanner.scan(piece, {
      onComma: endLine,
      onClose: endLine,
      onLineFeed(at, inString) {
        piece[at] = inString ? control : blank
      },
    })
    return piece
  }
}

export async function* arrayAsLines(body: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  const asLines = elementsAsLines()
  for await (const piece of body) yield asLines(piece)
}
