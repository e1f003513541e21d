import { encodeCopyText } from '../codecs/copy-text.ts'
import { encodeCsvRecord } from '../codecs/csv-encode.ts'
import type { Projection } from '../codecs/csv-project.ts'
import type { CopyEncoding } from '../codecs/encoding.ts'
import { fieldReader } from '../codecs/read-fields.ts'
import type { RecordRewriter } from '../codecs/record-rewriter.ts'
import { wholeRecords } from '../codecs/whole-records.ts'
import { TransferError } from '../errors/index.ts'
import type { ChangeFields } from './compile.ts'
import { decoderOf } from './decode-text.ts'
import { hasHalfCharacter } from './half-character.ts'

type Field = string | null

/** Records as they lie in their source, and as the destination takes them. */
export interface Rewriting {
  readonly from: { readonly encoding: CopyEncoding; readonly newline: number }
  readonly to: CopyEncoding
  /** null: field i is column i. */
  readonly projection: Projection | null
  readonly change: ChangeFields
}

/** What pg-copy-streams is fastest with (perf.md §2b). */
const outputBytes = 256 * 1024

/** Decodes each record to its fields, changes these, and writes what is left in UTF-8. */
export function transformRecords({ from, to, projection, change }: Rewriting): RecordRewriter {
  const readFields = fieldReader(from.encoding, from.newline, decoderOf(from.encoding.charset))
  let leftOut = 0
  const record = (bytes: Buffer): Buffer | null => {
    const changed = change(picked(readFields(bytes), projection))
    if (changed === null) {
      leftOut += 1
      return null
    }
    return encoded(changed, to)
  }
  return { encoding: to, record, leftOut: () => leftOut, stream: (body) => gathered(rewritten(body, from, record)) }
}

async function* rewritten(
  body: AsyncIterable<Uint8Array>,
  { encoding, newline }: Rewriting['from'],
  record: RecordRewriter['record'],
): AsyncIterable<readonly Buffer[]> {
  for await (const { bytes, count, ends } of wholeRecords(body, encoding, newline)) {
    const some: Buffer[] = []
    for (let index = 0, start = 0; index < count; index += 1) {
      const end = ends[index] ?? start
      const one = record(bytes.subarray(start, end))
      if (one !== null) some.push(one)
      start = end
    }
    yield some
  }
}

async function* gathered(batches: AsyncIterable<readonly Buffer[]>): AsyncIterable<Uint8Array> {
  let held: Buffer[] = []
  let heldBytes = 0
  for await (const batch of batches) {
    for (const record of batch) {
      held.push(record)
      heldBytes += record.length
      if (heldBytes < outputBytes) continue
      yield Buffer.concat(held)
      held = []
      heldBytes = 0
    }
  }
  if (heldBytes > 0) yield Buffer.concat(held)
}

function picked(given: readonly Field[], projection: Projection | null): readonly Field[] {
  if (projection === null) return given
  if (projection.width !== null && given.length !== projection.width) throw otherFields()
  return projection.fields.map((field) => {
    const value = 'index' in field ? given[field.index] : field.value
    if (value === undefined) throw otherFields()
    return value
  })
}

const otherFields = () =>
  new TransferError('record/column-count', 'the record has another number of fields than the file, or too few')

function encoded(fields: readonly Field[], to: CopyEncoding): Buffer {
  if (fields.some((field) => field !== null && hasHalfCharacter(field)))
    throw new TransferError('record/transform', 'the transformation cut a character of two UTF-16 units in two')
  return to.format === 'csv' ? encodeCsvRecord(fields, to) : encodeCopyText(fields)
}
