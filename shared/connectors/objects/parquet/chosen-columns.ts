import { encodeCopyText } from '../../../codecs/copy-text.ts'
import type { SchemaColumn } from '../../../codecs/parquet/schema-tree.ts'
import { TransferError } from '../../../errors/index.ts'
import { matchNames } from '../../../plan/match-names.ts'
import type { Column } from '../../../schema/index.ts'
import { constantType, type FileColumns, listedColumns } from '../file-columns.ts'

/** What one column of the reader is made of. */
export interface ChosenColumn extends Column {
  /** A column of the file, or a constant as COPY text. */
  readonly from: SchemaColumn | { readonly constant: Buffer }
}

/**
 * The columns of a file that a job takes, in its order.
 * @param pick places among those of `column`; null: all of them
 * @throws source/column-missing naming the file
 */
export function chooseColumns(
  column: FileColumns,
  schema: readonly SchemaColumn[],
  key: string,
  pick: readonly number[] | null = null,
): readonly ChosenColumn[] {
  const listed = listedColumns(column)
  const all =
    listed === null
      ? schema.map(asItIs)
      : listed.map((one): ChosenColumn => {
          if (one.index === undefined && one.name === undefined) return constantOf(one)
          if (one.value !== undefined) return { ...constantOf(one), name: one.name ?? '' }
          const found = findColumn(one.index ?? one.name ?? '', schema, key)
          return { ...asItIs(found), name: one.name ?? found.name }
        })
  if (pick === null) return all
  return pick.map((place) => {
    const chosen = all[place]
    if (chosen === undefined) throw missing(key, `there is no column ${place}; there are ${all.length}`)
    return chosen
  })
}

const asItIs = (column: SchemaColumn): ChosenColumn => ({
  name: column.name,
  type: column.type,
  nullable: column.nullable,
  from: column,
})

function constantOf({ name, value, type }: NonNullable<ReturnType<typeof listedColumns>>[number]): ChosenColumn {
  const constant = encodeCopyText([value ?? null]).subarray(0, -1)
  return { name: name ?? '', type: constantType(type), nullable: true, from: { constant } }
}

function findColumn(wanted: number | string, schema: readonly SchemaColumn[], key: string): SchemaColumn {
  const names = schema.map(({ name }) => name)
  const match = typeof wanted === 'number' ? { positions: [wanted] } : matchNames([wanted], names)
  if ('refusal' in match) throw missing(key, match.refusal, String(wanted))
  const found = schema[match.positions[0] ?? 0]
  if (found === undefined)
    throw missing(
      key,
      `column ${wanted} (from 0) was asked for; there are ${schema.length}: ${names.slice(0, 30).join(', ')}`,
    )
  return found
}

/** Where the wanted columns stand among those of the reader, by their names. */
export function placesOfNames(
  wanted: readonly string[],
  columns: readonly ChosenColumn[],
  key: string,
): { readonly places: readonly number[]; readonly unused: readonly string[] } {
  const match = matchNames(
    wanted,
    columns.map(({ name }) => name),
  )
  if ('refusal' in match) throw missing(key, match.refusal, match.column)
  return { places: match.positions, unused: match.unused }
}

function missing(key: string, message: string, column = ''): TransferError {
  return new TransferError('source/column-missing', `${key}: ${message}`, { key, column, parameter: 'column' })
}

/** Numbers of the leaves that these columns are made of. */
export const leavesOf = (columns: readonly ChosenColumn[]): ReadonlySet<number> =>
  new Set(columns.flatMap(({ from }) => ('constant' in from ? [] : from.leaves.map(({ index }) => index))))
