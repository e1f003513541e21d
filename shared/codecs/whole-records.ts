import type { Encoding } from './encoding.ts'
import { createRecordScanner } from './record-ends.ts'

/** Records in a row: the first begins where the bytes do, each other one where the one before it ends. */
export interface WholeRecords {
  readonly bytes: Buffer
  readonly count: number
  /** Of the first `count` records; the array is used again for the next piece. */
  readonly ends: Int32Array
}

/**
 * Puts together what a piece cut apart; a record is bounded before (count-records.ts). A piece of whole records is not
 * copied. Pieces may be lent.
 */
export async function* wholeRecords(
  body: AsyncIterable<Uint8Array>,
  encoding: Encoding,
  newline: number,
): AsyncIterable<WholeRecords> {
  const scanner = createRecordScanner(encoding, newline)
  let open: Buffer = Buffer.alloc(0)
  for await (const raw of body) {
    const piece = Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength)
    const held = open.length
    const { count, places } = scanner.find(piece)
    if (count === 0) {
      open = Buffer.concat([open, piece])
      continue
    }
    const last = places[count - 1] as number
    if (held === 0) yield { bytes: piece, count, ends: places }
    else yield { bytes: Buffer.concat([open, piece.subarray(0, last)]), count, ends: moved(places, count, held) }
    open = Buffer.from(piece.subarray(last))
  }
  if (open.length > 0) yield { bytes: open, count: 1, ends: Int32Array.of(open.length) }
}

const moved = (places: Int32Array, count: number, by: number) => places.subarray(0, count).map((place) => place + by)
