import { createCsvScanner, newlineOf } from '../../codecs/csv-scan.ts'
import type { CsvEncoding } from '../../codecs/encoding.ts'
import type { ObjectHead } from '../../ports/index.ts'
import { countFields } from './count-fields.ts'
import { readHeader } from './read-header.ts'

/** What the beginning of an object tells of all of it. */
export interface FirstLook {
  /** Bytes of a byte order mark, which COPY would take for a part of the first value. */
  readonly skipped: number
  readonly newline: number
  /** A carriage return stands before the first. */
  readonly crlf: boolean
  readonly fields: number | null
  /** Of the header; null when there is none, or one too long to look at. */
  readonly names: readonly string[] | null
  /** Where the first record behind the header begins; the end of the object where that is all of it. */
  readonly headerEnd: number
}

const byteOrderMark = Buffer.from([0xef, 0xbb, 0xbf])
const lineFeed = 0x0a
const carriageReturn = 0x0d

/** @param first the beginning of the object, megabytes of it or all */
export function looksOf(
  first: Buffer,
  head: Pick<ObjectHead, 'size'>,
  { encoding, headerRecords }: { readonly encoding: CsvEncoding; readonly headerRecords: number },
): FirstLook {
  const skipped = first.subarray(0, 3).equals(byteOrderMark) ? 3 : 0
  const start = first.subarray(skipped)
  const newline = findNewline(start, encoding)
  const isWhole = first.length === head.size
  return {
    skipped,
    newline,
    crlf: newline === lineFeed && start[start.indexOf(lineFeed) - 1] === carriageReturn,
    fields: countFields(start, { encoding, newline, headerRecords, isWhole }),
    names: headerRecords === 0 ? null : readHeader(start, { encoding, newline, isWhole }),
    headerEnd: headerRecords === 0 ? skipped : skipped + firstRecordEnd(start, encoding, newline),
  }
}

function firstRecordEnd(start: Buffer, encoding: CsvEncoding, newline: number): number {
  let first = -1
  createCsvScanner(encoding, newline).scan(start, (end) => {
    if (first === -1) first = end
  })
  return first === -1 ? start.length : first
}

/** Looks at no more than it must: the first record is mostly short. */
function findNewline(start: Buffer, encoding: CsvEncoding): number {
  for (let bytes = 16 * 1024; ; bytes *= 8) {
    const found = newlineOf(start.subarray(0, bytes), encoding)
    if (found !== null || bytes >= start.length) return found ?? lineFeed
  }
}
