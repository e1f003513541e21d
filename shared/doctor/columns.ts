import type { Column } from '../schema/index.ts'
import { failed, passed, type Result, skipped, warned } from './finding.ts'

/**
 * Columns go by their order, so the same names in another order are most likely a mistake, and another number is one for
 * sure. null: only the records know (a file without a column list).
 */
export function compareColumns(reader: readonly Column[] | null, writer: readonly Column[] | null): Result {
  if (reader === null || writer === null)
    return skipped('columns', 'a file without a column list gives its fields in order')
  const [from, into] = [reader, writer].map((columns) => columns.map(({ name }) => name))
  if (from === undefined || into === undefined || from.length !== into.length) return countFault(from ?? [], into ?? [])
  const moved = from.flatMap((name, at) => (isElsewhere(name, at, into) ? [`${name} → ${into[at]}`] : []))
  if (moved.length > 0)
    return warned(
      'columns',
      `names meet others: ${moved.slice(0, 5).join(', ')}`,
      'Give both sides the same order; columns go by position, not by name.',
    )
  return passed('columns', `${from.length} of the reader go into ${into.length} of the writer`)
}

const fold = (name: string) => name.toLowerCase()

/** The column it meets has another name, and one of its own name is there. */
const isElsewhere = (name: string, at: number, into: readonly string[]) =>
  fold(into[at] ?? '') !== fold(name) && into.some((other) => fold(other) === fold(name))

function countFault(from: readonly string[], into: readonly string[]): Result {
  const lacking = (some: readonly string[], all: readonly string[]) =>
    some.filter((name) => !all.some((other) => fold(other) === fold(name)))
  const [extra, missing] = [lacking(from, into), lacking(into, from)]
  const named = [
    extra.length > 0 ? `only the reader has ${extra.slice(0, 5).join(', ')}` : '',
    missing.length > 0 ? `only the writer has ${missing.slice(0, 5).join(', ')}` : '',
  ].filter((text) => text !== '')
  const detail = [`the reader gives ${from.length} columns, the writer takes ${into.length}`, ...named].join('; ')
  return failed('columns', detail, 'List the columns on both sides, as many on the one as on the other.')
}
