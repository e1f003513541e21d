import { TransferError } from '../../errors/index.ts'
import type { Slice } from '../contract.ts'
import { incrementOf } from '../sql/increments.ts'
import { whereText } from '../sql/query-text.ts'
import { incrementPredicate } from './increment-text.ts'
import { quoteName, quoteTableName } from './names.ts'
import { columnOf, type FoundMysqlTable, type MysqlColumn } from './table-lookup.ts'

/** What is read: the author's SQL in `columns`, `where` and `query`, which is never quoted and never trusted to end. */
export type MysqlSelected =
  | { readonly from: 'query'; readonly query: string }
  | {
      readonly from: 'table'
      readonly table: FoundMysqlTable
      /** null: all columns of the table. */
      readonly columns: readonly string[] | null
      readonly where: string | null
    }

/** Texts of the author stand on lines of their own, so that a comment in them ends with them. */
export function selectText(selected: MysqlSelected, predicate: string | null = null): string {
  if (selected.from === 'query') return selected.query
  const { table, columns, where } = selected
  const list = columns?.map((item) => itemText(table, item)) ?? table.columns.map(columnText)
  return `select ${list.join('\n, ')}\nfrom ${quoteTableName(table)}${whereText(where, predicate)}`
}

/** The places of columns of single precision, which `columnText` reads as doubles. */
export function floatsOf(selected: MysqlSelected): ReadonlySet<number> {
  if (selected.from === 'query') return new Set()
  const { table, columns } = selected
  const listed = columns?.map((item) => columnOf(table, item)) ?? table.columns
  return new Set([...listed.keys()].filter((index) => listed[index]?.baseType === 'float'))
}

function itemText(table: FoundMysqlTable, item: string): string {
  const column = columnOf(table, item)
  return column === undefined ? item : columnText(column)
}

const geometries = /^(geometry|point|linestring|polygon|multi\w+|geom(etry)?collection)$/

/** A FLOAT is printed with six digits unless it is a double, and a geometry in the server's own form unless it is text. */
function columnText({ name, baseType }: MysqlColumn): string {
  const quoted = quoteName(name)
  if (baseType === 'float') return `${quoted} * 1e0 as ${quoted}`
  return geometries.test(baseType) ? `st_astext(${quoted}) as ${quoted}` : quoted
}

/**
 * The rows of one slice.
 * @throws event/invalid for a slice that no planner of ours has made
 */
export function predicateOf(slice: Slice): string | null {
  const increment = incrementOf(slice)
  const rows = increment === null ? null : incrementPredicate(increment)
  return [keyPredicateOf(slice), rows].filter((one) => one !== null).join(' and ') || null
}

function keyPredicateOf(slice: Slice): string | null {
  if (slice.by === 'whole') return null
  if (typeof slice.column !== 'string') throw unknownSlice(slice)
  const key = quoteName(slice.column)
  if (slice.by === 'null') return `${key} is null`
  if (slice.by !== 'keys' && slice.by !== 'texts') throw unknownSlice(slice)
  const literal = slice.by === 'keys' ? integerText : textLiteral
  const lower = slice.from === null ? [] : [`${key} >= ${literal(slice, slice.from)}`]
  const upper = slice.to === null ? [] : [`${key} < ${literal(slice, slice.to)}`]
  const bounds = [...lower, ...upper]
  return bounds.length === 0 ? `${key} is not null` : bounds.join(' and ')
}

function integerText(slice: Slice, value: unknown): string {
  if (typeof value === 'string' && /^-?\d{1,20}$/.test(value)) return value
  throw unknownSlice(slice)
}

/** Bytes of UTF-8, or of a binary key, in hex: a literal in which nothing has to be escaped, whatever `sql_mode` says. */
function textLiteral(slice: Slice, value: unknown): string {
  if (typeof value !== 'string' || !/^([0-9a-f]{2})*$/.test(value)) throw unknownSlice(slice)
  return slice.binary === true ? `x'${value}'` : `_utf8mb4 x'${value}'`
}

const unknownSlice = (slice: Slice) =>
  new TransferError('event/invalid', 'the slice is not one of this connector', { by: String(slice.by) })
