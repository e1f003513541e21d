import { TransferError } from '../errors/index.ts'
import type { Encoding } from './encoding.ts'
import { createRecordScanner } from './record-ends.ts'

export interface RecordCount {
  readonly body: AsyncIterable<Uint8Array>
  /** Of what has passed so far; a last record without a newline counts once the body has ended. */
  records(): number
  bytes(): number
  /** The body was cut off at a record's end because `shouldStop` said so. */
  wasStopped(): boolean
}

export interface CountOptions {
  readonly encoding: Encoding
  readonly newline: number
  readonly maxRecordBytes: number
  /** Asked between pieces: true ends the body behind the last whole record, as before a function's time limit. */
  readonly shouldStop: () => boolean
}

/**
 * Counts records on their way into COPY: the number must be ours, as a server's own may leave out what it rejected.
 * @throws record/too-large, so that the chunk is read again and the record set aside
 */
export function countRecords(source: AsyncIterable<Uint8Array>, options: CountOptions): RecordCount {
  const { maxRecordBytes } = options
  const scanner = createRecordScanner(options.encoding, options.newline)
  let records = 0
  let bytes = 0
  let stopped = false
  const body = async function* (): AsyncIterable<Uint8Array> {
    /** Bytes of the record under way that came in earlier pieces. */
    let openBytes = 0
    for await (const raw of source) {
      const piece = Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength)
      let start = -openBytes
      let ended = 0
      const { count, places } = scanner.find(piece)
      for (let index = 0; index < count; index += 1) {
        const end = places[index] as number
        ended += 1
        if (end - start > maxRecordBytes) throw tooLarge(records + ended, maxRecordBytes)
        start = end
      }
      openBytes = piece.length - start
      if (openBytes > maxRecordBytes) throw tooLarge(records + ended + 1, maxRecordBytes)
      records += ended
      if (ended > 0 && options.shouldStop()) {
        stopped = true
        bytes += start
        yield piece.subarray(0, start)
        return
      }
      bytes += piece.length
      yield piece
    }
    if (openBytes > 0) records += 1
  }
  return { body: body(), records: () => records, bytes: () => bytes, wasStopped: () => stopped }
}

function tooLarge(record: number, maxRecordBytes: number): TransferError {
  const message = `record ${record} of the chunk is longer than ${maxRecordBytes} bytes`
  return new TransferError('record/too-large', message, { record, maxRecordBytes })
}
