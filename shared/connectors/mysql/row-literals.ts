import { TransferError } from '../../errors/index.ts'
import { shiftedTo } from './instant.ts'
import type { MysqlColumn } from './table-lookup.ts'

/** Bytes of SQL under way: grows as it must, is emptied by `take`. */
export class SqlBytes {
  #bytes = Buffer.allocUnsafe(64 * 1024)
  length = 0

  room(more: number): Buffer {
    if (this.length + more <= this.#bytes.length) return this.#bytes
    const larger = Buffer.allocUnsafe(Math.max(2 * this.#bytes.length, this.length + more))
    this.#bytes.copy(larger, 0, 0, this.length)
    this.#bytes = larger
    return larger
  }

  add(text: string): void {
    const bytes = this.room(text.length * 3)
    this.length += bytes.write(text, this.length, 'utf8')
  }

  take(): string {
    const text = this.#bytes.toString('utf8', 0, this.length)
    this.length = 0
    return text
  }
}

/** Writes one field of COPY text, which is not NULL, as a literal for its column. @throws record/format */
export type WriteLiteral = (from: Buffer, start: number, end: number, to: SqlBytes) => void

const backslash = 0x5c
const quote = 0x27

/**
 * Escapes of COPY text are escapes of MySQL's strings too, but for form feed and vertical tab; so a text is copied, and its
 * quotes are escaped. `sql_mode` of the session is ours: NO_BACKSLASH_ESCAPES is off.
 */
export function writeText(from: Buffer, start: number, end: number, to: SqlBytes): void {
  const out = to.room(2 * (end - start) + 2)
  let at = to.length
  out[at++] = quote
  for (let read = start; read < end; read += 1) {
    let byte = from[read] as number
    if (byte === backslash) {
      read += 1
      byte = from[read] as number
      const plain = byte === 0x66 ? 0x0c : byte === 0x76 ? 0x0b : 0
      if (plain !== 0) {
        out[at++] = plain
        continue
      }
      out[at++] = backslash
    } else if (byte === quote) out[at++] = backslash
    out[at++] = byte
  }
  out[at++] = quote
  to.length = at
}

const integers = /^(tinyint|smallint|mediumint|int|bigint)$/
const numbers = /^(decimal|numeric|float|double)$/
const bytes = /^(binary|varbinary|\w*blob)$/
const geometries = /^(geometry|point|linestring|polygon|multi\w+|geom(etry)?collection)$/

/** `timeZone`: the zone of the session, in which a wall-clock time is meant. */
export function literalOf(column: MysqlColumn, timeZone: string): WriteLiteral {
  const { baseType } = column
  if (integers.test(baseType)) return typed(column, integerText, 'an integer')
  if (numbers.test(baseType)) return typed(column, numberText, 'a number that MySQL can hold')
  if (baseType === 'bit') return typed(column, bitText, 'bits: t, f, or digits 0 and 1')
  if (baseType === 'date') return typed(column, dateText, 'a date from 0001-01-01 to 9999-12-31')
  if (baseType === 'datetime' || baseType === 'timestamp')
    return typed(column, (text) => instantText(text, timeZone), 'a time from the years 0001 to 9999')
  if (baseType === 'time') return typed(column, timeText, 'a time such as -838:59:59.000001')
  if (baseType === 'year') return typed(column, yearText, 'a year of four digits')
  if (bytes.test(baseType)) return writeBytes
  if (geometries.test(baseType)) return typed(column, geometryText, 'a geometry as text (WKT)')
  return writeText
}

/** A field whose text decides: `print` gives its literal, or null for what the column cannot hold as it is. */
function typed(column: MysqlColumn, print: (text: string) => string | null, wanted: string): WriteLiteral {
  return (from, start, end, to) => {
    const literal = print(from.toString('latin1', start, end))
    if (literal !== null) {
      to.add(literal)
      return
    }
    const message = `the value for column ${column.name} (${column.type}) is not ${wanted}`
    throw new TransferError('record/format', message, { column: column.name })
  }
}

const booleanText = (text: string) => (text === 't' ? '1' : text === 'f' ? '0' : null)

/** Digits stay digits: the server would round 1.5 in silence. */
const integerText = (text: string) => (/^-?\d{1,20}$/.test(text) ? text : booleanText(text))

/** Quoted, so that the server reads them as they are: a literal of more than 65 digits would become a double. */
const numberText = (text: string) => (/^-?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? `'${text}'` : booleanText(text))

function bitText(text: string): string | null {
  const boolean = booleanText(text)
  if (boolean !== null) return `b'${boolean}'`
  return /^B?[01]+$/.test(text) ? `b'${text.replace('B', '')}'` : null
}

const dateText = (text: string) => (/^(?!0000)\d{4}-\d\d-\d\d$/.test(text) ? `'${text}'` : null)

const timestampShape = /^((?!0000)\d{4}-\d\d-\d\d)(?: (\d\d:\d\d):(\d\d(?:\.\d{1,6})?))?([+-]\d\d(?::\d\d)?)?$/

/** An instant becomes wall-clock time of the session's zone; what has no offset is such a time already. */
function instantText(text: string, timeZone: string): string | null {
  const [, day, minutes = '00:00', seconds = '00', offset] = timestampShape.exec(text) ?? []
  if (day === undefined) return null
  const wall = offset === undefined ? `${day} ${minutes}` : shiftedTo(timeZone, `${day} ${minutes}`, offset)
  return wall === null ? null : `'${wall}:${seconds}'`
}

const timeText = (text: string) => (/^-?\d{1,3}:\d\d:\d\d(\.\d{1,6})?$/.test(text) ? `'${text}'` : null)
const yearText = (text: string) => (/^\d{4}$/.test(text) ? text : null)
const geometryText = (text: string) => (/^[A-Za-z][\w ().,+-]*$/.test(text) ? `st_geomfromtext('${text}')` : null)

/** bytea is `\x` and hex, the backslash escaped by COPY; any other text is its own bytes. */
function writeBytes(from: Buffer, start: number, end: number, to: SqlBytes): void {
  const isHex = from[start] === backslash && from[start + 1] === backslash && from[start + 2] === 0x78
  const digits = isHex ? from.toString('latin1', start + 3, end) : ''
  if (isHex && digits.length % 2 === 0 && /^[0-9a-f]*$/.test(digits)) {
    to.add(`x'${digits}'`)
    return
  }
  to.add('_binary')
  writeText(from, start, end, to)
}
