import type { CopyEncoding } from '../codecs/encoding.ts'
import { quoteIdentifier, quoteLiteral, quoteTable, type TableName } from '../schema/index.ts'
import { serverCharset } from './copy-rules.ts'

/**
 * `copy … from stdin` for the named columns. The option list in parentheses is what every server since 9.0 takes.
 * @throws job/invalid for a name that no server can hold
 */
export function copyFromStatement(table: TableName, columns: readonly string[], encoding: CopyEncoding): string {
  const list = columns.map(quoteIdentifier).join(', ')
  return `copy ${quoteTable(table)} (${list}) from stdin with (${copyOptions(encoding)})`
}

/** `copy (query) to stdout`. The query stands on lines of its own, so that a comment at its end hides nothing of ours. */
export function copyToStatement(query: string, encoding: CopyEncoding): string {
  return `copy (\n${query}\n) to stdout with (${copyOptions(encoding)})`
}

function copyOptions(encoding: CopyEncoding): string {
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
