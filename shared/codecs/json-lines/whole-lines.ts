import { TransferError } from '../../errors/index.ts'
import { lineFeed } from './scan-value.ts'

/** Lines within one buffer, the last one with its line feed too. */
export interface WholeLines {
  readonly bytes: Buffer
  readonly start: number
  readonly end: number
}

/**
 * Only a line that was cut apart is copied, to put it together.
 * @param maxBytes of a line; one within a piece may be longer
 * @throws record/too-large
 */
export async function* wholeLines(
  body: AsyncIterable<Uint8Array>,
  maxBytes: number = Number.MAX_SAFE_INTEGER,
): AsyncIterable<WholeLines> {
  let open: Buffer[] = []
  let openBytes = 0
  const hold = (part: Buffer) => {
    open.push(part)
    openBytes += part.length
    if (openBytes > maxBytes) throw tooLarge(maxBytes)
  }
  for await (const raw of body) {
    const piece = Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength)
    const first = piece.indexOf(lineFeed) + 1
    if (first === 0) {
      if (piece.length > 0) hold(Buffer.from(piece))
      continue
    }
    const end = piece.lastIndexOf(lineFeed) + 1
    if (open.length > 0) yield whole([...open, piece.subarray(0, first)])
    const start = open.length > 0 ? first : 0
    if (start < end) yield { bytes: piece, start, end }
    open = []
    openBytes = 0
    // A copy, as above: the piece may be lent.
    if (end < piece.length) hold(Buffer.from(piece.subarray(end)))
  }
  if (open.length > 0) yield whole([...open, Buffer.of(lineFeed)])
}

const tooLarge = (maxBytes: number) =>
  new TransferError('record/too-large', `a record is longer than ${maxBytes} bytes (maxRecordBytes)`, {
    maxRecordBytes: maxBytes,
  })

function whole(parts: readonly Buffer[]): WholeLines {
  const bytes = Buffer.concat(parts)
  return { bytes, start: 0, end: bytes.length }
}
