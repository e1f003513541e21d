import type { CopyEncoding, CsvEncoding } from '../codecs/encoding.ts'

/*
 * Charsets by the names users write, and PostgreSQL's names for them. All embed ASCII and never use the bytes of a
 * newline or of `"` inside a character, so records can be cut without decoding; UTF-16 does neither.
 */
const charsets: ReadonlyMap<string, string> = new Map(
  Object.entries({
    utf8: 'UTF8',
    utf8mb4: 'UTF8',
    ascii: 'UTF8',
    usascii: 'UTF8',
    gbk: 'GBK',
    cp936: 'GBK',
    gb2312: 'EUC_CN',
    euccn: 'EUC_CN',
    gb18030: 'GB18030',
    big5: 'BIG5',
    latin1: 'LATIN1',
    iso88591: 'LATIN1',
    windows1252: 'WIN1252',
    cp1252: 'WIN1252',
  }),
)

/** In these a second byte may look like an ASCII character from 0x30 up, such as `\` or `|`. */
const withAsciiTails: ReadonlySet<string> = new Set(['GBK', 'GB18030', 'BIG5'])

/** PostgreSQL's name of a charset; null when COPY cannot take it. Case, `-`, `_` and blanks do not matter. */
export function serverCharset(charset: string): string | null {
  return charsets.get(charset.toLowerCase().replaceAll(/[-_ ]/g, '')) ?? null
}

const forbiddenInText = /[\\.a-z0-9]/

/** null: COPY takes it; otherwise the reason why not. The rules are those of the server's `ProcessCopyOptions`. */
export function copyRefusal(encoding: CopyEncoding): string | null {
  const { format, delimiter, null: nullText, charset } = encoding
  const marks = format === 'csv' ? [delimiter, encoding.quote, encoding.escape] : [delimiter]
  const wide = marks.find((mark) => !isOneByte(mark))
  if (wide !== undefined) return `${JSON.stringify(wide)} is not one single-byte character other than NUL and newlines`
  if (/[\0\r\n]/.test(nullText)) return 'the text that means NULL holds a NUL, carriage return or newline'
  if (nullText.includes(delimiter)) return `the text that means NULL holds the delimiter ${JSON.stringify(delimiter)}`
  if (format === 'text' && forbiddenInText.test(delimiter))
    return `${JSON.stringify(delimiter)} cannot be the delimiter of COPY text`
  return (format === 'csv' ? csvRefusal(encoding) : null) ?? charsetRefusal(charset, marks)
}

const isOneByte = (mark: string) => mark.length === 1 && mark > '\0' && mark <= '\x7f' && !/[\r\n]/.test(mark)

function csvRefusal({ delimiter, quote, null: nullText }: CsvEncoding): string | null {
  if (quote === delimiter) return `delimiter and quote are both ${JSON.stringify(quote)}`
  return nullText.includes(quote) ? `the text that means NULL holds the quote ${JSON.stringify(quote)}` : null
}

function charsetRefusal(charset: string, marks: readonly string[]): string | null {
  const name = serverCharset(charset)
  if (name === null) return `COPY does not know the charset ${JSON.stringify(charset)}`
  const inside = marks.find((mark) => withAsciiTails.has(name) && mark >= '0')
  return inside === undefined ? null : `${JSON.stringify(inside)} can be part of a character in ${charset}`
}
