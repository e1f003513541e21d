import type { Encoding } from './encoding.ts'
import { createRecordScanner } from './record-ends.ts'

/** One record as it lies in its source, newline included where it has one. */
export interface RawRecord {
  readonly bytes: Buffer
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
}

/** Cuts a body into single records, a bounded number at a time, for when COPY has refused one of them. */
export async function* batchesOf(body: AsyncIterable<Uint8Array>, options: BatchOptions): AsyncIterable<RawRecord[]> {
  const scanner = createRecordScanner(options.encoding, options.newline)
  let batch: RawRecord[] = []
  let batchBytes = 0
  let open: Buffer[] = []
  let number = 0
  let offset = 0
  const close = (tail: Buffer) => {
    const bytes = open.length === 0 ? tail : Buffer.concat([...open, tail])
    open = []
    number += 1
    batch.push({ bytes, number, offset })
    offset += bytes.length
    batchBytes += bytes.length
  }
  for await (const raw of body) {
    const piece = Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength)
    let start = 0
    scanner.scan(piece, (end) => {
      close(piece.subarray(start, end))
      start = end
    })
    if (start < piece.length) open.push(piece.subarray(start))
    for (; batch.length >= options.maxRecords || batchBytes >= options.maxBytes; ) {
      yield batch.slice(0, options.maxRecords)
      batch = batch.slice(options.maxRecords)
      batchBytes = batch.reduce((sum, record) => sum + record.bytes.length, 0)
    }
  }
  if (open.length > 0) close(Buffer.alloc(0))
  if (batch.length > 0) yield batch
}
