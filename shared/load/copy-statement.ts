import type { CsvEncoding, Encoding } from '../codecs/encoding.ts'
import { quoteIdentifier, quoteLiteral, quoteTable, type TableName } from '../schema/index.ts'

/**
 * `copy … from stdin` for the named columns. The option list in parentheses is what every server since 9.0 takes.
 * @throws job/invalid for a name that no server can hold
 */
export function copyFromStatement(table: TableName, columns: readonly string[], encoding: Encoding): string {
  const list = columns.map(quoteIdentifier).join(', ')
  return `copy ${quoteTable(table)} (${list}) from stdin with (${copyOptions(encoding)})`
}

/** `copy (query) to stdout`. The query stands on lines of its own, so that a comment at its end hides nothing of ours. */
export function copyToStatement(query: string, encoding: Encoding): string {
  return `copy (\n${query}\n) to stdout with (${copyOptions(encoding)})`
}

function copyOptions(encoding: Encoding): string {
  const { format, delimiter, null: nullText, charset } = encoding
  const csv = format === 'csv' ? [`quote ${literal(encoding.quote)}`, `escape ${literal(encoding.escape)}`] : []
  return [
    `format ${format}`,
    `delimiter ${literal(delimiter)}`,
    `null ${literal(nullText)}`,
    ...csv,
    `encoding ${literal(serverCharset(charset) ?? charset)}`,
  ].join(', ')
}

const literal = (text: string) => quoteLiteral(text).trimStart()

/*
 * Charsets by the names users write, and PostgreSQL's names for them. All embed ASCII and never use the bytes of a
 * newline or of `"` inside a character, so records can be cut without decoding; UTF-16 does neither.
 */
const charsets: Readonly<Record<string, string>> = {
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
}

/** In these a second byte may look like an ASCII character from 0x30 up, such as `\` or `|`. */
const withAsciiTails: ReadonlySet<string> = new Set(['GBK', 'GB18030', 'BIG5'])

/** PostgreSQL's name of a charset; null when COPY cannot take it. Case, `-`, `_` and blanks do not matter. */
export function serverCharset(charset: string): string | null {
  return charsets[charset.toLowerCase().replaceAll(/[-_ ]/g, '')] ?? null
}

const forbiddenInText = /[\\.a-z0-9]/

/** null: COPY takes it; otherwise the reason why not. The rules are those of the server's `ProcessCopyOptions`. */
export function copyRefusal(encoding: Encoding): string | null {
  const { format, delimiter, null: nullText, charset } = encoding
  const marks = format === 'csv' ? [delimiter, encoding.quote, encoding.escape] : [delimiter]
  const wide = marks.find((mark) => !/^[\x01-\x7f]$/.test(mark) || mark === '\n' || mark === '\r')
  if (wide !== undefined) return `${JSON.stringify(wide)} is not one printable single-byte character`
  if (/[\0\r\n]/.test(nullText)) return 'the text that means NULL holds a NUL, carriage return or newline'
  if (nullText.includes(delimiter)) return `the text that means NULL holds the delimiter ${JSON.stringify(delimiter)}`
  if (format === 'text' && forbiddenInText.test(delimiter))
    return `${JSON.stringify(delimiter)} cannot be the delimiter of COPY text`
  return (format === 'csv' ? csvRefusal(encoding) : null) ?? charsetRefusal(charset, marks)
}

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
