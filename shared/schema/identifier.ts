import { TransferError } from '../errors/index.ts'

/** A table as SQL knows it. `schema` null leaves the choice to search_path. */
export interface TableName {
  readonly schema: string | null
  readonly table: string
}

/**
 * The one function that puts a name into SQL. Always quoted, so case and reserved words survive.
 * PostgreSQL cuts names at 63 bytes without an error; we refuse instead of touching another table.
 */
export function quoteIdentifier(name: string): string {
  if (name === '' || name.includes('\0') || Buffer.byteLength(name) > 63) {
    throw new TransferError('job/invalid', `a name must have 1 to 63 bytes and no NUL, got ${JSON.stringify(name)}`, {
      name,
    })
  }
  return `"${name.replaceAll('"', '""')}"`
}

export function quoteTable({ schema, table }: TableName): string {
  return schema === null ? quoteIdentifier(table) : `${quoteIdentifier(schema)}.${quoteIdentifier(table)}`
}

/** A string literal that is safe whatever `standard_conforming_strings` says. */
export function quoteLiteral(text: string): string {
  if (text.includes('\0')) throw new TransferError('job/invalid', 'a text must not hold a NUL byte')
  const quoted = `'${text.replaceAll("'", "''").replaceAll('\\', '\\\\')}'`
  return text.includes('\\') ? ` E${quoted}` : quoted
}
