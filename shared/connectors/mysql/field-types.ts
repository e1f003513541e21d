import type { MysqlField } from '../../ports/index.ts'

/*
 * Numbers of https://mariadb.com/docs/server/reference/clientserver-protocol/4-server-response-packets/result-set-packets
 * (field types), the same in MySQL.
 */
const names: Readonly<Record<number, string>> = {
  0: 'decimal',
  1: 'tinyint',
  2: 'smallint',
  3: 'int',
  4: 'float',
  5: 'double',
  6: 'null',
  7: 'timestamp',
  8: 'bigint',
  9: 'mediumint',
  10: 'date',
  11: 'time',
  12: 'datetime',
  13: 'year',
  14: 'date',
  16: 'bit',
  245: 'json',
  246: 'decimal',
  255: 'geometry',
}

const binaryCharset = 63
const unsignedFlag = 32
const numbers = new Set([
  'decimal',
  'tinyint',
  'smallint',
  'int',
  'float',
  'double',
  'bigint',
  'mediumint',
  'year',
  'time',
])

/** The name of the type, as far as a result tells it: texts of all lengths are `text`. */
export function typeNameOf({ type, characterSet, flags, length, decimals }: MysqlField): string {
  const name = names[type] ?? (characterSet === binaryCharset ? 'blob' : 'text')
  const sign = (flags & unsignedFlag) === 0 || !numbers.has(name) || name === 'year' ? '' : ' unsigned'
  if (name === 'bit') return `bit(${length})`
  if (name !== 'decimal') return `${name}${sign}`
  // A sign and a point count as length.
  const digits = length - (decimals > 0 ? 1 : 0) - (sign === '' ? 1 : 0)
  return `decimal(${digits},${decimals})${sign}`
}

/** How the text of a field becomes COPY's: only `text` can hold what must be escaped. */
export type Conversion = 'as it is' | 'text' | 'bytes' | 'bits' | 'flag' | 'date' | 'instant' | 'geometry'

export function conversionOf(field: MysqlField): Conversion {
  const name = names[field.type] ?? (field.characterSet === binaryCharset ? 'blob' : 'text')
  if (name === 'text' || name === 'json' || name === 'null') return 'text'
  if (name === 'blob') return 'bytes'
  if (name === 'bit') return field.length === 1 ? 'flag' : 'bits'
  if (name === 'date' || name === 'datetime') return 'date'
  if (name === 'timestamp') return 'instant'
  return name === 'geometry' ? 'geometry' : 'as it is'
}
