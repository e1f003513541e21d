import { beginningOf, keptBytes, type RawRecord } from './records.ts'

const newline = 0x0a

/**
 * COPY text without the records that are longer than `maxRecordBytes`; those are told to `onLong`. Bytes of a record are
 * held until it is whole, so memory is one record of the longest allowed. A piece is valid until the next is asked for.
 */
export async function* withoutLongRecords(
  body: AsyncIterable<Uint8Array>,
  maxRecordBytes: number,
  onLong: (record: RawRecord) => Promise<void>,
): AsyncIterable<Uint8Array> {
  const open = heldRecord(maxRecordBytes)
  let number = 0
  let offset = 0
  const long = (): RawRecord => ({ bytes: open.beginning(), length: open.length(), isTooLarge: true, number, offset })
  for await (const raw of body) {
    const piece = Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength)
    let start = 0
    /** From here on the piece has not been handed on. */
    let kept = 0
    for (let at = piece.indexOf(newline); at !== -1; at = piece.indexOf(newline, start)) {
      const end = at + 1
      number += 1
      if (open.length() === 0 && end - start <= maxRecordBytes) offset += end - start
      else {
        if (kept < start) yield piece.subarray(kept, start)
        open.add(piece.subarray(start, end))
        if (open.isTooLong()) await onLong(long())
        else yield open.bytes()
        offset += open.length()
        open.clear()
        kept = end
      }
      start = end
    }
    if (kept < start) yield piece.subarray(kept, start)
    open.add(piece.subarray(start))
  }
  number += 1
  if (open.isTooLong()) await onLong(long())
  else if (open.length() > 0) yield open.bytes()
}

/** The record under way, in memory for the longest: what is not written to costs nothing, and pieces held would be garbage. */
function heldRecord(maxRecordBytes: number) {
  const held = Buffer.allocUnsafeSlow(Math.max(maxRecordBytes, keptBytes))
  let length = 0
  return {
    length: () => length,
    isTooLong: () => length > maxRecordBytes,
    add(part: Buffer): void {
      if (length < held.length) part.copy(held, length)
      length += part.length
    },
    bytes: () => held.subarray(0, length),
    beginning: () => beginningOf([held.subarray(0, length)]),
    clear(): void {
      length = 0
    },
  }
}
