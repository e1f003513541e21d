import { createCsvScanner, recordEnds } from '../../codecs/csv-scan.ts'
import type { CsvEncoding } from '../../codecs/encoding.ts'

/**
 * Fields of the first record of `head` behind `headerRecords` others. null when it is not whole in there.
 * @param isWhole `head` is the whole object, so that a last record without a newline is one
 */
export function countFields(
  head: Buffer,
  options: {
    readonly encoding: CsvEncoding
    readonly newline: number
    readonly headerRecords: number
    readonly isWhole: boolean
  },
): number | null {
  const { encoding, newline, headerRecords, isWhole } = options
  const ends = recordEnds(head, { encoding, newline, wanted: headerRecords + 1 })
  const start = headerRecords === 0 ? 0 : ends[headerRecords - 1]
  const end = ends[headerRecords] ?? (isWhole ? head.length : undefined)
  if (start === undefined || end === undefined || start === end) return null
  // Between the records of one line, a delimiter outside quotes ends a field just as a newline ends a record.
  const delimiters = createCsvScanner({ ...encoding, multiLine: true }, encoding.delimiter.charCodeAt(0))
  return 1 + delimiters.find(head.subarray(start, end)).count
}
