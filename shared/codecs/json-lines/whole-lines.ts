import { lineFeed } from './scan-value.ts'

/** Lines within one buffer, the last one with its line feed too. */
export interface WholeLines {
  readonly bytes: Buffer
  readonly start: number
  readonly end: number
}

/** Only a line that was cut apart is copied, to put it together; a line is bounded before (count-records.ts). */
export async function* wholeLines(body: AsyncIterable<Uint8Array>): AsyncIterable<WholeLines> {
  let open: Buffer[] = []
  for await (const raw of body) {
    const piece = Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength)
    const first = piece.indexOf(lineFeed) + 1
    if (first === 0) {
      if (piece.length > 0) open.push(piece)
      continue
    }
    const end = piece.lastIndexOf(lineFeed) + 1
    if (open.length > 0) yield whole([...open, piece.subarray(0, first)])
    const start = open.length > 0 ? first : 0
    if (start < end) yield { bytes: piece, start, end }
    open = end < piece.length ? [piece.subarray(end)] : []
  }
  if (open.length > 0) yield whole([...open, Buffer.of(lineFeed)])
}

function whole(parts: readonly Buffer[]): WholeLines {
  const bytes = Buffer.concat(parts)
  return { bytes, start: 0, end: bytes.length }
}
