import { createCsvScanner, newlineOf } from '../../codecs/csv-scan.ts'
import type { CsvEncoding } from '../../codecs/encoding.ts'
import { TransferError } from '../../errors/index.ts'
import { countFields } from './count-fields.ts'
import { readHeader } from './read-header.ts'

/** What the beginning of a file says of all of it. */
export interface FileHead {
  /** Bytes before the first record: a byte order mark and the header. */
  readonly start: number
  readonly newline: number
  readonly fields: number | null
  readonly names: readonly string[] | null
  /** There is nothing behind the header. */
  readonly isEmpty: boolean
}

interface HeadToRead {
  readonly encoding: CsvEncoding
  readonly headerRecords: number
  /** `head` is all of the file. */
  readonly isWhole: boolean
}

/** COPY would take the mark of UTF-8 for a part of the first value. */
const byteOrderMark = Buffer.from([0xef, 0xbb, 0xbf])
const lineFeed = 0x0a

/** @throws record/too-large when the header does not end within `head` */
export function readFileHead(head: Buffer, { encoding, headerRecords, isWhole }: HeadToRead): FileHead {
  const skipped = head.subarray(0, 3).equals(byteOrderMark) ? 3 : 0
  const text = head.subarray(skipped)
  const newline = newlineOf(text, encoding) ?? lineFeed
  const start = headerRecords === 0 ? 0 : endOfFirst(text, encoding, newline, isWhole)
  return {
    start: skipped + start,
    newline,
    fields: countFields(text, { encoding, newline, headerRecords, isWhole }),
    names: headerRecords === 0 ? null : readHeader(text, { encoding, newline, isWhole }),
    isEmpty: isWhole && start === text.length,
  }
}

function endOfFirst(text: Buffer, encoding: CsvEncoding, newline: number, isWhole: boolean): number {
  let first = -1
  createCsvScanner(encoding, newline).scan(text, (end) => {
    if (first === -1) first = end
  })
  if (first !== -1) return first
  if (isWhole) return text.length
  throw new TransferError('record/too-large', `the header does not end within the first ${text.length} bytes`)
}
