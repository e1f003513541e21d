import { createCsvScanner } from '../../codecs/csv-scan.ts'
import type { CsvEncoding } from '../../codecs/encoding.ts'
import { TransferError } from '../../errors/index.ts'
import type { ObjectHead, ObjectStore } from '../../ports/index.ts'
import type { CutObject, CutRequest } from './cut-objects.ts'
import { cutSparsely, type FindStart } from './cut-sparsely.ts'
import type { FirstLook } from './first-look.ts'
import type { ObjectRange } from './object-slice.ts'
import { readBytes } from './read-bytes.ts'

/**
 * Cuts CSV whose fields may hold newlines without reading it: where a record seems to begin near each multiple of the
 * target. A loader begins there, and commits once the one before it has ended in the same place (run/load-guessed.ts), so a
 * wrong guess costs time and nothing else.
 * @throws source/object-missing, source/object-changed
 */
export async function* cutGuessed(
  store: ObjectStore,
  objects: readonly ObjectHead[],
  request: CutRequest,
): AsyncGenerator<CutObject> {
  const { encoding } = request
  for (const head of objects) {
    if (encoding.format !== 'csv') throw new TransferError('internal/bug', `${encoding.format} is not cut at guesses`)
    const cut = await cutSparsely(store, head, request, guessIn(encoding))
    yield { ...cut, ranges: cut.ranges.map(beginning) }
  }
}

const beginning = (range: ObjectRange, index: number): ObjectRange => ({
  ...range,
  begins: index === 0 ? 'known' : 'guessed',
})

/** Mostly some hundred records. */
const windowBytes = 64 * 1024

const guessIn =
  (encoding: CsvEncoding): FindStart =>
  async (store, head, from, look, signal) => {
    const window = await readBytes(store, head, { start: from, end: Math.min(head.size, from + windowBytes), signal })
    const start = guessStart(window, encoding, look)
    return start === null ? null : from + start
  }

/**
 * Where a record seems to begin in a window out of the middle of a file. The window is taken to begin outside quotes, and
 * within them; that counts which gives more records of as many fields as the first of the file has.
 * @returns null: no record ends in there
 */
export function guessStart(
  window: Buffer,
  encoding: CsvEncoding,
  { newline, fields }: Pick<FirstLook, 'newline' | 'fields'>,
): number | null {
  const outside = recordsIn(window, encoding, newline)
  if (fields === null || !window.includes(encoding.quote)) return outside[0] ?? null
  const opened = Buffer.concat([Buffer.from(encoding.quote), window])
  const within = recordsIn(opened, encoding, newline)
  const asOutside = widthsOf(window, outside, { encoding, fields })
  const asWithin = widthsOf(opened, within, { encoding, fields })
  const isWithin =
    asWithin.share > asOutside.share || (asWithin.share === asOutside.share && asWithin.right > asOutside.right)
  return isWithin ? (within[0] ?? 0) - 1 : (outside[0] ?? null)
}

/** Enough to tell, and each costs some microseconds. */
const mostRecords = 200

/** The places behind the first record ends. */
function recordsIn(bytes: Buffer, encoding: CsvEncoding, newline: number): readonly number[] {
  const { count, places } = createCsvScanner(encoding, newline).find(bytes)
  return [...places.subarray(0, Math.min(count, mostRecords))]
}

/** Of the records that are whole in there: how many have so many fields, and which share that is. */
function widthsOf(
  bytes: Buffer,
  ends: readonly number[],
  { encoding, fields }: { readonly encoding: CsvEncoding; readonly fields: number },
): { readonly right: number; readonly share: number } {
  // Outside quotes, a delimiter ends a field as a newline ends a record; and each record begins outside.
  const scanner = createCsvScanner({ ...encoding, multiLine: true }, encoding.delimiter.charCodeAt(0))
  const { count, places } = scanner.find(bytes.subarray(0, ends.at(-1) ?? 0))
  let next = 0
  let right = 0
  ends.forEach((end, index) => {
    const before = next
    while (next < count && (places[next] ?? 0) <= end) next += 1
    if (index > 0 && next - before + 1 === fields) right += 1
  })
  return { right, share: right / Math.max(1, ends.length - 1) }
}
