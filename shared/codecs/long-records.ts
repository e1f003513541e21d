import { openRecord, type RawRecord } from './records.ts'

const newline = 0x0a

/**
 * COPY text without the records that are longer than `maxRecordBytes`; those are told to `onLong`. Bytes of a record are
 * held until it is whole, so memory is one record of the longest allowed.
 */
export async function* withoutLongRecords(
  body: AsyncIterable<Uint8Array>,
  maxRecordBytes: number,
  onLong: (record: RawRecord) => Promise<void>,
): AsyncIterable<Uint8Array> {
  const open = openRecord(maxRecordBytes)
  let number = 0
  let offset = 0
  for await (const raw of body) {
    const piece = Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength)
    let start = 0
    /** From here on the piece has not been handed on. */
    let kept = 0
    for (let at = piece.indexOf(newline); at !== -1; at = piece.indexOf(newline, start)) {
      const end = at + 1
      const isWhole = !open.isBegun()
      number += 1
      if (isWhole && end - start <= maxRecordBytes) offset += end - start
      else {
        if (kept < start) yield piece.subarray(kept, start)
        open.add(piece.subarray(start, end))
        if (!open.isTooLarge()) yield* open.parts()
        const record = { ...open.close(), number, offset }
        if (record.isTooLarge) await onLong(record)
        offset += record.length
        kept = end
      }
      start = end
    }
    if (kept < start) yield piece.subarray(kept, start)
    if (start < piece.length) open.add(piece.subarray(start))
  }
  if (!open.isBegun()) return
  if (open.isTooLarge()) await onLong({ ...open.close(), number: number + 1, offset })
  else yield* open.parts()
}
