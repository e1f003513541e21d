import { TransferError } from '../../errors/index.ts'
import { type Column, quoteIdentifier, quoteLiteral, quoteTable } from '../../schema/index.ts'
import type { Slice } from '../contract.ts'
import { incrementPredicate } from './increment-text.ts'
import { incrementOf } from './increments.ts'
import type { FoundTable } from './table-lookup.ts'

/** What is read: the author's SQL in `columns`, `where` and `query`, which is never quoted and never trusted to end. */
export type Selected = (
  | { readonly from: 'query'; readonly query: string }
  | {
      readonly from: 'table'
      readonly table: FoundTable
      /** null: all columns of the table. */
      readonly columns: readonly string[] | null
      readonly where: string | null
    }
) & {
  /** What is taken of these columns, by name; null: all, as they come. */
  readonly picked: PickedColumns | null
}

export interface PickedColumns {
  readonly columns: readonly Column[]
  readonly unused: readonly string[]
}

/** `predicate` is ours. Texts of the author stand on lines of their own, so that a comment in them ends with them. */
export function selectText(selected: Selected, predicate: string | null = null): string {
  const text = wholeText(selected, predicate)
  if (selected.picked === null) return text
  const names = selected.picked.columns.map((column) => quoteIdentifier(column.name))
  return `select ${names.join('\n, ')}\nfrom (\n${text}\n) as given`
}

function wholeText(selected: Selected, predicate: string | null): string {
  if (selected.from === 'query') return selected.query
  const { table, columns, where } = selected
  const list = columns ?? table.columns.map((column) => quoteIdentifier(column.name))
  return `select ${list.join('\n, ')}\nfrom ${quoteTable(table)}${whereText(where, predicate)}`
}

export function whereText(where: string | null, predicate: string | null): string {
  const conditions = [...(where === null ? [] : [`(\n${where}\n)`]), ...(predicate === null ? [] : [predicate])]
  return conditions.length === 0 ? '' : `\nwhere ${conditions.join(' and ')}`
}

/** The statement ends where the author's last semicolon was. */
export const withoutSemicolon = (sql: string): string => sql.replace(/[\s;]+$/, '')

export function keyBoundsText(
  table: FoundTable,
  column: string,
  where: string | null,
  predicate: string | null = null,
): string {
  const key = quoteIdentifier(column)
  const from = `${quoteTable(table)}${whereText(where, predicate)}`
  return `select min(${key})::text as low, max(${key})::text as high\nfrom ${from}`
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
  if (slice.by === 'segment' && Number.isInteger(slice.segment)) return `gp_segment_id = ${slice.segment}`
  if (slice.by === 'null' && typeof slice.column === 'string') return `${quoteIdentifier(slice.column)} is null`
  if (slice.by !== 'keys' || typeof slice.column !== 'string') throw unknownSlice(slice)
  const key = quoteIdentifier(slice.column)
  const lower = slice.from === null ? [] : [`${key} >= ${integerText(slice, slice.from)}`]
  const upper = slice.to === null ? [] : [`${key} < ${integerText(slice, slice.to)}`]
  const bounds = [...lower, ...upper]
  return bounds.length === 0 ? `${key} is not null` : bounds.join(' and ')
}

/** As a literal with a cast: the bare digits of the lowest bigint would be read as a minus and a numeric. */
function integerText(slice: Slice, value: unknown): string {
  if (typeof value !== 'string' || !/^-?\d{1,19}$/.test(value)) throw unknownSlice(slice)
  return `${quoteLiteral(value).trim()}::bigint`
}

const unknownSlice = (slice: Slice) =>
  new TransferError('event/invalid', 'the slice is not one of this connector', { by: String(slice.by) })
