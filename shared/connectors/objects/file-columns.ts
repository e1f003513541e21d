import { isAscii } from 'node:buffer'
import * as z from 'zod'
import type { Projection } from '../../codecs/csv-project.ts'
import { serverCharset } from '../../load/copy-rules.ts'
import type { Column } from '../../schema/index.ts'
import { foldedNames, unsupportedIssue } from '../options/fields.ts'

/** DataX's internal types, and what they are to PostgreSQL (dataworks-datax.md §4.1). */
const typeNames = {
  string: 'text',
  long: 'bigint',
  double: 'double precision',
  boolean: 'boolean',
  date: 'timestamp without time zone',
} as const

/** Patterns whose texts PostgreSQL reads by itself with `datestyle = ISO`. Others need rewriting. */
const readableDates = /^(yyyy-MM-dd|yyyyMMdd|yyyy\/MM\/dd)([ T]'?T?'?HH:mm(:ss(\.S+)?)?)?$/

const unsetWhenBlank = (value: unknown) => (value === '' || value === null ? undefined : value)

const TypeName = z.preprocess(
  (type) => unsetWhenBlank(typeof type === 'string' ? type.trim().toLowerCase() : type),
  z.enum(['string', 'long', 'double', 'boolean', 'date']).default('string'),
)

/** Samples write `"index": "1"` (dataworks-datax.md §1.1). What is no number stays what it is, and is refused. */
const FieldIndex = z.preprocess(
  (value) => (typeof value === 'string' && /^\s*\d{1,9}\s*$/.test(value) ? Number(value) : unsetWhenBlank(value)),
  z.union([z.number().int().min(0), z.string()]).optional(),
)

const neitherOrBoth = 'give either index (a field, from 0) or value (a constant)'

const FileColumnObject = z
  .strictObject({
    index: FieldIndex.describe('The field of the file, from 0. Of Parquet also the name of its column.'),
    value: z
      .preprocess((value) => (value === undefined || value === null ? value : String(value)), z.string().nullish())
      .describe('A constant in the place of a field; null means NULL.'),
    type: TypeName.describe(
      'Checked for being a type of DataX; the column of the destination decides how a text is read.',
    ),
    format: z
      .preprocess(unsetWhenBlank, z.string().optional())
      .describe('Pattern of a date, of those that the server reads by itself.'),
    name: z
      .preprocess(unsetWhenBlank, z.string().optional())
      .describe(
        'Of JSON, the key: `city`, or `customer.city` within an object. Of Parquet, the column. Of CSV, a name for `mapping`: our own option.',
      ),
  })
  .superRefine((column, context) => {
    const isKey = column.index === undefined && column.value === undefined && column.name !== undefined
    if (!isKey && (column.index === undefined) === (column.value === undefined))
      context.addIssue({ code: 'custom', message: neitherOrBoth })
    if (column.format !== undefined && !readableDates.test(column.format)) {
      const message = `dates in the form ${column.format} are not read yet; yyyy-MM-dd, yyyyMMdd and yyyy-MM-dd HH:mm:ss are`
      context.addIssue({ code: 'custom', path: ['format'], message, params: unsupportedIssue })
    }
  })

/** A name alone is a column of JSON. */
const asObject = (value: unknown) => (typeof value === 'string' ? { name: value } : value)
const FileColumn = z.preprocess(
  (value) => foldedNames(['index', 'value', 'type', 'format', 'name'])(asObject(value)),
  FileColumnObject,
)

/** `["*"]` takes every field as it lies. */
export const FileColumns = z
  .preprocess(
    (value) => (typeof value === 'string' && value.trim() === '*' ? ['*'] : unsetWhenBlank(value)),
    z.union([z.tuple([z.literal('*')]), z.array(FileColumn).min(1)]).default(['*']),
  )
  .describe(
    '`["*"]`: every field, in the order of the file; of JSON, the keys that are called as the columns of the writer. Or a list of fields, keys and constants, in the order of the writer.',
  )
export type FileColumns = z.infer<typeof FileColumns>
type FileColumn = z.infer<typeof FileColumn>

export const isColumn = (column: FileColumns[number]): column is FileColumn => column !== '*'

/** A check of an options schema: a column of CSV is a field or a constant, and a name alone is neither. */
export function refuseKeysOfCsv(columns: FileColumns, context: z.core.$RefinementCtx): void {
  for (const [index, column] of columns.entries()) {
    if (!isColumn(column)) continue
    const path = ['column', index]
    if (typeof column.index === 'string')
      context.addIssue({
        code: 'custom',
        path: [...path, 'index'],
        message: 'must be a number: fields of a CSV are counted, from 0',
      })
    else if (column.index === undefined && column.value === undefined)
      context.addIssue({ code: 'custom', path, message: neitherOrBoth })
  }
}

/** null for `["*"]`: only the records know. */
export function columnsOfFile(columns: FileColumns): readonly Column[] | null {
  const listed = columns.filter(isColumn)
  if (listed.length === 0) return null
  return listed.map((column, position) => ({
    name: column.name ?? `c${position}`,
    type: typeNames[column.type],
    nullable: true,
  }))
}

/** As they are listed; null for `["*"]`. */
export function listedColumns(columns: FileColumns): readonly FileColumn[] | null {
  const listed = columns.filter(isColumn)
  return listed.length === 0 ? null : listed
}

export const constantType = (type: keyof typeof typeNames): string => typeNames[type]

/**
 * @param width fields of a record of the file; null when unknown
 * @param pick places among the columns, of those that are taken; null: all, in order
 * @returns null when field i is column i and none is left over
 */
export function projectionOf(
  columns: FileColumns,
  width: number | null,
  pick: readonly number[] | null = null,
): Projection | null {
  const listed = columns
    .filter(isColumn)
    .map(({ index, value }) => (typeof index === 'number' ? { index } : { value: value ?? null }))
  // Of `*`, column i is field i.
  const fieldAt = (place: number) => (listed.length === 0 ? { index: place } : listed[place])
  const fields = pick === null ? listed : pick.map(fieldAt).filter((field) => field !== undefined)
  const isInOrder = fields.every((field, position) => 'index' in field && field.index === position)
  return fields.length === 0 || (isInOrder && width === fields.length) ? null : { width, fields }
}

/** A check of an options schema: constants are put between the fields in UTF-8, whatever these are in. */
export function refuseForeignConstants(
  columns: FileColumns,
  charset: string | undefined,
  context: z.core.$RefinementCtx,
): void {
  if (charset === undefined || serverCharset(charset) === 'UTF8') return
  for (const [index, column] of columns.entries()) {
    if (!isColumn(column) || isAscii(Buffer.from(column.value ?? ''))) continue
    const message = `a constant beside fields in ${charset} must be ASCII for now; make it in the table, or save the file as UTF-8`
    context.addIssue({ code: 'custom', path: ['column', index, 'value'], message, params: unsupportedIssue })
  }
}
