import type { Encoding } from './encoding.ts'
import { createRecordScanner } from './record-ends.ts'

/** One record as it lies in its source. */
export interface RawRecord {
  /** With its line end where it has one; no more than the beginning of a record that is too large. */
  readonly bytes: Buffer
  /** Of the whole record. */
  readonly length: number
  readonly isTooLarge: boolean
  /** Counted from 1 at the start of the body. */
  readonly number: number
  /** Bytes of the body before it. */
  readonly offset: number
}

export interface BatchOptions {
  readonly encoding: Encoding
  readonly newline: number
  readonly maxRecords: number
  readonly maxBytes: number
  readonly maxRecordBytes: number
}

/** What is kept of a record that is too large: enough to find it, whatever its size. */
export const keptBytes = 4096

/**
 * Cuts a body into single records, a bounded number at a time, for when COPY has refused one of them. Memory is one batch
 * and one record, however long the records are.
 */
export async function* batchesOf(body: AsyncIterable<Uint8Array>, options: BatchOptions): AsyncIterable<RawRecord[]> {
  const { maxRecords, maxBytes, maxRecordBytes } = options
  const scanner = createRecordScanner(options.encoding, options.newline)
  const open = openRecord(maxRecordBytes)
  let batch: RawRecord[] = []
  let batchBytes = 0
  let number = 0
  let offset = 0
  const close = () => {
    const record = open.close()
    number += 1
    batch.push({ ...record, number, offset })
    offset += record.length
    batchBytes += record.bytes.length
  }
  for await (const raw of body) {
    const piece = Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength)
    let start = 0
    const { count, places } = scanner.find(piece)
    for (let index = 0; index < count; index += 1) {
      const end = places[index] as number
      open.add(piece.subarray(start, end))
      start = end
      close()
      if (batch.length < maxRecords && batchBytes < maxBytes) continue
      yield batch
      batch = []
      batchBytes = 0
    }
    if (start < piece.length) open.add(piece.subarray(start))
  }
  if (open.isBegun()) close()
  if (batch.length > 0) yield batch
}

/** The record under way, gathered from pieces; once it is too large, only its beginning is kept. */
function openRecord(maxRecordBytes: number) {
  let parts: Buffer[] = []
  let length = 0
  return {
    isBegun: () => length > 0,
    add(part: Buffer) {
      const wasTooLarge = length > maxRecordBytes
      length += part.length
      if (length <= maxRecordBytes) parts.push(part)
      else if (!wasTooLarge) parts = [beginningOf([...parts, part])]
    },
    close() {
      const record = { bytes: joined(parts), length, isTooLarge: length > maxRecordBytes }
      parts = []
      length = 0
      return record
    },
  }
}

/** A copy, so that what it lay in can be let go. */
export function beginningOf(parts: readonly Buffer[]): Buffer {
  const kept = Buffer.alloc(keptBytes)
  let at = 0
  for (const part of parts) {
    if (at === keptBytes) break
    at += part.copy(kept, at)
  }
  return kept.subarray(0, at)
}

/** A record within one piece is not copied. */
function joined(parts: readonly Buffer[]): Buffer {
  const [only] = parts
  return only !== undefined && parts.length === 1 ? only : Buffer.concat(parts)
}
