import { firstRecordEnd, newlineOf } from '../../codecs/csv-scan.ts'
import type { CsvEncoding, Encoding } from '../../codecs/encoding.ts'
import { TransferError } from '../../errors/index.ts'
import type { ObjectHead } from '../../ports/index.ts'
import { countFields } from './count-fields.ts'
import { readHeader } from './read-header.ts'
import { sampleKeys } from './sample-keys.ts'

/** What the beginning of an object tells of all of it. */
export interface FirstLook {
  /** Bytes of a byte order mark, which COPY would take for a part of the first value, and of the bracket that opens an array. */
  readonly skipped: number
  readonly newline: number
  /** A carriage return stands before the first. */
  readonly crlf: boolean
  readonly fields: number | null
  /** Of the header, or keys of the first records; null when there is no header, or one too long to look at. */
  readonly names: readonly string[] | null
  /** One array of JSON: a comma ends its elements. */
  readonly isArray: boolean
  /** Where the first record behind the header begins; the end of the object where that is all of it. */
  readonly headerEnd: number
}

const byteOrderMark = Buffer.from([0xef, 0xbb, 0xbf])
const lineFeed = 0x0a
const comma = 0x2c
const openBracket = 0x5b
const carriageReturn = 0x0d

/** @param first the beginning of the object, megabytes of it or all */
export function looksOf(
  first: Buffer,
  head: Pick<ObjectHead, 'size'>,
  { encoding, headerRecords }: { readonly encoding: Encoding; readonly headerRecords: number },
): FirstLook {
  const skipped = first.subarray(0, 3).equals(byteOrderMark) ? 3 : 0
  const start = first.subarray(skipped)
  if (encoding.format === 'jsonl') return looksOfJson(start, skipped)
  if (encoding.format !== 'csv') throw new TransferError('internal/bug', `objects of ${encoding.format} cannot be cut`)
  const newline = findNewline(start, encoding)
  const isWhole = first.length === head.size
  return {
    skipped,
    newline,
    isArray: false,
    crlf: newline === lineFeed && start[start.indexOf(lineFeed) - 1] === carriageReturn,
    fields: countFields(start, { encoding, newline, headerRecords, isWhole }),
    names: headerRecords === 0 ? null : readHeader(start, { encoding, newline, isWhole }),
    headerEnd: headerRecords === 0 ? skipped : skipped + (firstRecordEnd(start, encoding, newline) ?? start.length),
  }
}

/** The first byte that is no blank opens an array; no record of JSON Lines begins so. */
export function opensArray(start: Buffer): number {
  const first = start.findIndex((byte) => byte !== 0x20 && byte !== 0x09 && byte !== lineFeed && byte !== 0x0d)
  return start[first] === openBracket ? first : -1
}

function looksOfJson(start: Buffer, mark: number): FirstLook {
  const bracket = opensArray(start)
  const isArray = bracket !== -1
  const skipped = mark + bracket + 1
  const names = sampleKeys(start.subarray(bracket + 1), isArray)
  return { skipped, newline: isArray ? comma : lineFeed, crlf: false, isArray, fields: null, names, headerEnd: skipped }
}

/** Looks at no more than it must: the first record is mostly short. */
function findNewline(start: Buffer, encoding: CsvEncoding): number {
  for (let bytes = 16 * 1024; ; bytes *= 8) {
    const found = newlineOf(start.subarray(0, bytes), encoding)
    if (found !== null || bytes >= start.length) return found ?? lineFeed
  }
}
