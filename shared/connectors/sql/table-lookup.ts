import { TransferError } from '../../errors/index.ts'
import type { Sql } from '../../ports/index.ts'
import type { Column, TableName } from '../../schema/index.ts'
import * as catalog from './catalog.sql.ts'
import { nearNames } from './near-names.ts'
import { parseIdentifier, printTable } from './table-name.ts'

export interface TableColumn extends Column {
  readonly generated: boolean
}

export interface FoundColumn extends TableColumn {
  /** `generated always as identity`. */
  readonly identityAlways: boolean
}

/** What the catalog says. `kind` is `relkind`: r table, p partitioned, v view, m materialized view, f foreign. */
export interface FoundTable extends TableName {
  readonly oid: string
  readonly schema: string
  readonly kind: string
  readonly columns: readonly FoundColumn[]
}

export type Side = 'source' | 'target'

/** @throws source/table-missing or target/table-missing, with names that look alike */
export async function lookUpTable(sql: Sql, name: TableName, side: Side): Promise<FoundTable> {
  const { rows } = await sql.query<{ oid: string; schema: string; table: string; kind: string }>(catalog.findTable, [
    name.schema,
    name.table,
  ])
  const [found] = rows
  if (found === undefined) throw await tableMissing(sql, name, side)
  const columns = await sql.query<{ [Name in keyof FoundColumn]: FoundColumn[Name] }>(catalog.listColumns, [found.oid])
  return { ...found, columns: columns.rows }
}

/** Partitions and children of every level. */
export async function oidsBelow(sql: Sql, oid: string): Promise<string[]> {
  const known = new Set([oid])
  let parents = [oid]
  while (parents.length > 0) {
    const { rows } = await sql.query<{ oid: string }>(catalog.listChildren, [parents])
    parents = rows.map((row) => row.oid).filter((one) => !known.has(one))
    for (const one of parents) known.add(one)
  }
  known.delete(oid)
  return [...known]
}

async function tableMissing(sql: Sql, name: TableName, side: Side): Promise<TransferError> {
  const { rows } = await sql.query<{ schema: string; table: string }>(catalog.listTables, [name.schema ?? 'public'])
  const tables = [...new Set(rows.map((row) => row.table))]
  const near = nearNames(name.table, tables)
    .flatMap((table) => rows.filter((row) => row.table === table))
    .map((row) => `${quotedIfNeeded(row.schema)}.${quotedIfNeeded(row.table)}`)
    .slice(0, 5)
  const proposal = near.length === 0 ? '' : `; did you mean ${near.join(', ')}?`
  return new TransferError(`${side}/table-missing`, `table ${printTable(name)} does not exist${proposal}`, {
    table: printTable(name),
  })
}

const quotedIfNeeded = (name: string) => (/^[a-z_][a-z0-9_$]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`)

/**
 * Columns by the names in a script: exactly as written, or else by SQL's rule, folded to lower case.
 * @throws source/column-missing or target/column-missing with the columns there are; job/invalid for one named twice
 */
export function pickColumns(found: FoundTable, names: readonly string[], side: Side): TableColumn[] {
  const byName = new Map(found.columns.map((column) => [column.name, column]))
  const picked = names.map((name) => {
    const column = byName.get(parseIdentifier(name, true)) ?? byName.get(parseIdentifier(name, false))
    if (column === undefined) throw columnMissing(found, name, side)
    return column
  })
  const twice = picked.find((column, index) => picked.indexOf(column) !== index)
  if (twice === undefined) return picked
  throw new TransferError('job/invalid', `column ${twice.name} is named twice`, { parameter: 'column' })
}

export function columnMissing(found: FoundTable, name: string, side: Side): TransferError {
  const columns = found.columns.map((column) => column.name).join(', ')
  const table = printTable(found)
  return new TransferError(`${side}/column-missing`, `${table} has no column ${name}; it has ${columns}`, {
    table,
    column: name,
  })
}
