import { TransferError } from '../../errors/index.ts'
import { copyText } from '../encoding.ts'
import type { RecordRewriter } from '../record-rewriter.ts'
import { isBlank, isFaulty, valueFinder } from './find-values.ts'
import { keyTree } from './key-tree.ts'
import { lineFeed } from './scan-value.ts'
import { wholeLines } from './whole-lines.ts'
import { recordWriter, type WrittenFields } from './write-record.ts'

/** What pg-copy-streams is fastest with (perf.md §2b). */
const outputBytes = 256 * 1024

/**
 * Makes COPY text of JSON Lines, byte by byte: no text is made of a value, so numbers keep every digit. A missing key is
 * NULL, as null is; other keys are left out. Blank lines are left out and counted. Nested values become their JSON text.
 * @returns a rewriter that throws record/format for what is no JSON object, with the place of the fault, and
 *   record/nul-byte or record/encoding for a text that PostgreSQL cannot hold
 */
export function createJsonTranscoder(written: WrittenFields): RecordRewriter {
  const { root, slotOf } = keyTree(written.fields.flatMap((field) => ('key' in field ? [field.key] : [])))
  const { found, find } = valueFinder(root, slotOf.size)
  const { write, roomFor } = recordWriter(written, slotOf, found)
  let leftOut = 0

  function one(given: Buffer): Buffer | null {
    const bytes = given.at(-1) === lineFeed ? given : Buffer.concat([given, Buffer.of(lineFeed)])
    const end = find(bytes, 0)
    if (end === isFaulty) throw noObject(bytes, 0, found.faultAt)
    // Of a record that somebody has corrected: two lines are not one.
    if (bytes.indexOf(lineFeed) !== bytes.length - 1) throw noObject(bytes, 0, bytes.indexOf(lineFeed))
    if (end === isBlank) {
      leftOut += 1
      return null
    }
    const out = Buffer.allocUnsafe(roomFor(bytes.length))
    return out.subarray(0, write(bytes, out, 0))
  }

  /** Line after line into one buffer, which is used again. */
  function writing() {
    let out: Buffer = Buffer.allocUnsafeSlow(outputBytes)
    let at = 0
    let records = 0
    return {
      /** @returns where the first line lies that has no room */
      fill(bytes: Buffer, start: number, until: number): number {
        let read = start
        try {
          while (read < until) {
            const end = find(bytes, read)
            if (end === isFaulty) throw noObject(bytes, read, found.faultAt)
            if (end === isBlank) leftOut += 1
            else if (roomFor(end - read) <= out.length - at) at = write(bytes, out, at)
            else return read
            read = end === isBlank ? bytes.indexOf(lineFeed, read) + 1 : end + 1
            records += 1
          }
        } catch (error) {
          throw inRecord(records + 1, error)
        }
        return read
      },
      output: (): Buffer => out.subarray(0, at),
      begin(lineBytes: number): void {
        at = 0
        if (lineBytes > out.length) out = Buffer.allocUnsafeSlow(lineBytes)
      },
    }
  }

  return {
    encoding: copyText,
    leftOut: () => leftOut,
    record: one,
    async *stream(body) {
      const { fill, output, begin } = writing()
      for await (const { bytes, start, end } of wholeLines(body)) {
        for (let read = fill(bytes, start, end); read < end; read = fill(bytes, read, end)) {
          if (output().length > 0) yield output()
          begin(roomFor(bytes.indexOf(lineFeed, read) - read))
        }
      }
      if (output().length > 0) yield output()
    },
  }
}

/** @param at of the byte that is wrong, @param start of the record */
function noObject(bytes: Buffer, start: number, at: number): TransferError {
  const place = at - start + 1
  const found = bytes[at] === lineFeed ? 'the record ends too early' : `byte ${place} is not what may stand there`
  return new TransferError('record/format', `the record is no JSON object: ${found}`, { byte: place })
}

/** @param record counted from the start of the body */
function inRecord(record: number, error: unknown): unknown {
  if (!(error instanceof TransferError)) return error
  return new TransferError(error.code, `record ${record} of the chunk: ${error.message}`, { ...error.context, record })
}
