import { csvFieldFinder } from '../../codecs/csv-fields.ts'
import { firstRecordEnd } from '../../codecs/csv-scan.ts'
import type { CsvEncoding } from '../../codecs/encoding.ts'
import { serverCharset } from '../../load/copy-rules.ts'

/** PostgreSQL's names of charsets to those of the Encoding Standard, each the same or a superset. */
const labels: Readonly<Record<string, string>> = {
  UTF8: 'utf-8',
  GBK: 'gbk',
  EUC_CN: 'gbk',
  GB18030: 'gb18030',
  BIG5: 'big5',
  LATIN1: 'windows-1252',
  WIN1252: 'windows-1252',
}

/**
 * The fields of the first record, quotes taken off, in the charset of the file. null when the record is not whole in `head`.
 * @param isWhole `head` is the whole object, so that a header without a newline is one
 */
export function readHeader(
  head: Buffer,
  {
    encoding,
    newline,
    isWhole,
  }: { readonly encoding: CsvEncoding; readonly newline: number; readonly isWhole: boolean },
): string[] | null {
  const end = firstRecordEnd(head, encoding, newline) ?? (isWhole ? head.length : null)
  if (end === null) return null
  const { count, starts, ends } = csvFieldFinder(encoding, newline)(head, 0, end)
  const decoder = new TextDecoder(labels[serverCharset(encoding.charset) ?? 'UTF8'] ?? 'utf-8')
  return [...Array(count).keys()].map((field) =>
    unquoted(decoder.decode(head.subarray(starts[field], ends[field])), encoding),
  )
}

function unquoted(field: string, { quote, escape: escaping }: CsvEncoding): string {
  if (field.length < 2 || !field.startsWith(quote) || !field.endsWith(quote)) return field
  return field.slice(1, -1).replaceAll(escaping + quote, quote)
}
