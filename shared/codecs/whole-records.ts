import type { Encoding } from './encoding.ts'
import { createRecordScanner } from './record-ends.ts'

export interface WholeRecords {
  readonly bytes: Buffer
  readonly records: readonly (readonly [start: number, end: number])[]
}

/** Puts together what a piece cut apart; a record is bounded before (count-records.ts). */
export async function* wholeRecords(
  body: AsyncIterable<Uint8Array>,
  encoding: Encoding,
  newline: number,
): AsyncIterable<WholeRecords> {
  const scanner = createRecordScanner(encoding, newline)
  let open: Buffer[] = []
  for await (const raw of body) {
    const piece = Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength)
    const ends: number[] = []
    scanner.scan(piece, (end) => void ends.push(end))
    const last = ends.at(-1)
    if (last === undefined) {
      open.push(piece)
      continue
    }
    const held = open.reduce((sum, part) => sum + part.length, 0)
    const bytes = held === 0 ? piece : Buffer.concat([...open, piece.subarray(0, last)])
    yield { bytes, records: ends.map((end, index) => [index === 0 ? 0 : held + (ends[index - 1] ?? 0), held + end]) }
    open = last < piece.length ? [piece.subarray(last)] : []
  }
  const bytes = Buffer.concat(open)
  if (bytes.length > 0) yield { bytes, records: [[0, bytes.length]] }
}
