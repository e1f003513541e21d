import type { Encoding } from './encoding.ts'
import { createRecordScanner } from './record-ends.ts'

/** Records in a row: the first begins where the bytes do, each other one where the one before it ends. */
export interface WholeRecords {
  readonly bytes: Buffer
  readonly count: number
  /** Of the first `count` records; the array is used again for the next piece. */
  readonly ends: Int32Array
}

const usualRecords = 4096

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
  let ends: Int32Array = new Int32Array(usualRecords)
  let count = 0
  for await (const raw of body) {
    const piece = Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength)
    const held = open.length
    count = 0
    scanner.scan(piece, (end) => {
      if (count === ends.length) ends = longer(ends)
      ends[count++] = held + end
    })
    const last = count === 0 ? 0 : (ends[count - 1] ?? 0) - held
    if (count > 0) {
      const bytes = held === 0 ? piece : Buffer.concat([open, piece.subarray(0, last)])
      yield { bytes, count, ends }
      open = Buffer.from(piece.subarray(last))
    } else open = Buffer.concat([open, piece])
  }
  if (open.length === 0) return
  ends[0] = open.length
  yield { bytes: open, count: 1, ends }
}

function longer(numbers: Int32Array): Int32Array {
  const next = new Int32Array(2 * numbers.length)
  next.set(numbers)
  return next
}
