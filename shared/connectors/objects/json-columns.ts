import type * as z from 'zod'
import type { JsonField, KeyProjection } from '../../codecs/json-lines/write-record.ts'
import { serverCharset } from '../../load/copy-rules.ts'
import { unsupportedIssue } from '../options/fields.ts'
import { type FileColumns, isColumn } from './file-columns.ts'

/** The keys of a list; none of `["*"]`, where the destination says them. */
export const keysOfColumns = (columns: FileColumns): string[] =>
  fieldsOf(columns).flatMap((field) => ('key' in field ? [field.key] : []))

function fieldsOf(columns: FileColumns): JsonField[] {
  return columns.filter(isColumn).map(({ name, value }) => (value === undefined ? { key: name ?? '' } : { value }))
}

/**
 * @param pick places among the listed columns, of those that are taken; null: all, in order
 * @param keys what the plan has found for `["*"]`
 */
export function keyProjectionOf(
  columns: FileColumns,
  pick: readonly number[] | null,
  keys: readonly string[] | null,
): KeyProjection {
  if (keys !== null) return { keys: keys.map((key) => ({ key })) }
  const listed = fieldsOf(columns)
  return { keys: pick === null ? listed : pick.map((place) => listed[place]).filter((field) => field !== undefined) }
}

interface JsonOptions {
  readonly column: FileColumns
  readonly encoding?: string | undefined
  readonly skipHeader: boolean
}

/** A check of an options schema: what has no sense beside `fileFormat: jsonl`. */
export function refuseOfJson({ column, encoding, skipHeader }: JsonOptions, context: z.core.$RefinementCtx): void {
  const refuse = (path: (string | number)[], message: string, params?: typeof unsupportedIssue) =>
    context.addIssue({ code: 'custom', path, message, ...(params === undefined ? {} : { params }) })
  for (const [index, one] of column.entries()) {
    if (!isColumn(one)) continue
    if (one.index !== undefined) refuse(['column', index, 'index'], 'a record of JSON has no order; give name (a key)')
    else if (one.name === undefined && one.value === undefined)
      refuse(['column', index], 'give either name (a key) or value (a constant)')
  }
  if (encoding !== undefined && serverCharset(encoding) !== 'UTF8')
    refuse(['encoding'], 'JSON is UTF-8 (RFC 8259); save the file as UTF-8', unsupportedIssue)
  if (skipHeader) refuse(['skipHeader'], 'JSON has no header: keys are in the records')
}
