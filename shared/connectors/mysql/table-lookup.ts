import { TransferError } from '../../errors/index.ts'
import type { MysqlSession } from '../../ports/index.ts'
import type { Column } from '../../schema/index.ts'
import { nearNames } from '../sql/near-names.ts'
import type { Side } from '../sql/table-lookup.ts'
import { type MysqlTableName, printTableName, unquoted } from './names.ts'

export interface MysqlColumn extends Column {
  /** Without length and sign: `int`, `varchar`, `geometry`. */
  readonly baseType: string
  readonly generated: boolean
}

export interface FoundMysqlTable extends MysqlTableName {
  readonly database: string
  /** null for a view. */
  readonly engine: string | null
  /** Bytes of rows, as the engine estimates them; null: nobody knows. */
  readonly bytes: number | null
  readonly rows: number | null
  readonly columns: readonly MysqlColumn[]
  /** First columns of its indexes. */
  readonly indexed: ReadonlySet<string>
  /** The column of a primary key of one column. */
  readonly primaryKey: string | null
}

const findTable = `
  select t.table_schema as \`database\`, t.table_name as \`table\`, t.engine as engine, t.data_length as bytes,
    t.table_rows as \`rows\`
  from information_schema.tables t
  where t.table_schema = coalesce(nullif(?, ''), database()) and t.table_name = ?`

const listColumns = `
  select column_name as name, column_type as type, data_type as base_type, is_nullable as nullable,
    extra as extra
  from information_schema.columns
  where table_schema = ? and table_name = ?
  order by ordinal_position`

const listIndexes = `
  select index_name as name, seq_in_index as place, column_name as \`column\`
  from information_schema.statistics
  where table_schema = ? and table_name = ?
  order by index_name, seq_in_index`

/** Names to propose for one that is missing: the first thousand are plenty. */
const listTables = `
  select table_schema as \`database\`, table_name as \`table\`
  from information_schema.tables
  where table_schema not in ('information_schema', 'mysql', 'performance_schema', 'sys')
  order by table_schema = coalesce(nullif(?, ''), database()) desc, table_schema, table_name
  limit 1000`

/** @throws source/table-missing or target/table-missing, with names that look alike */
export async function lookUpMysqlTable(sql: MysqlSession, name: MysqlTableName, side: Side): Promise<FoundMysqlTable> {
  const [found] = await sql.query(findTable, [name.database ?? '', name.table])
  if (found === undefined) throw await tableMissing(sql, name, side)
  const place = [String(found.database), String(found.table)]
  const columns = await sql.query(listColumns, place)
  const indexes = await sql.query(listIndexes, place)
  const primary = indexes.filter((index) => index.name === 'PRIMARY')
  const asNumber = (text: string | null | undefined) => (text === null || text === undefined ? null : Number(text))
  return {
    database: String(found.database),
    table: String(found.table),
    engine: found.engine ?? null,
    bytes: found.engine == null ? null : asNumber(found.bytes),
    rows: found.engine == null ? null : asNumber(found.rows),
    columns: columns.map((column) => ({
      name: String(column.name),
      type: String(column.type),
      baseType: String(column.base_type).toLowerCase(),
      nullable: column.nullable === 'YES',
      generated: /\b(virtual|stored|persistent) generated\b|^(virtual|persistent)$/i.test(String(column.extra)),
    })),
    indexed: new Set(indexes.filter((index) => index.place === '1').map((index) => String(index.column))),
    primaryKey: primary.length === 1 ? String(primary[0]?.column) : null,
  }
}

async function tableMissing(sql: MysqlSession, name: MysqlTableName, side: Side): Promise<TransferError> {
  const rows = await sql.query(listTables, [name.database ?? ''])
  const names = rows.map((row) => ({ database: String(row.database), table: String(row.table) }))
  const near = nearNames(name.table, [...new Set(names.map(({ table }) => table))])
    .flatMap((near) => names.filter(({ table }) => table === near))
    .slice(0, 5)
    .map(printTableName)
  const proposal = near.length === 0 ? '' : `; did you mean ${near.join(', ')}?`
  const table = printTableName(name)
  return new TransferError(`${side}/table-missing`, `table ${table} does not exist${proposal}`, { table })
}

/** By its name in a script, quoted or not; MySQL's column names have no case. */
export function columnOf(found: FoundMysqlTable, name: string): MysqlColumn | undefined {
  const wanted = unquoted(name).toLowerCase()
  return found.columns.find((column) => column.name.toLowerCase() === wanted)
}

export function mysqlColumnMissing(found: FoundMysqlTable, name: string, side: Side): TransferError {
  const table = printTableName(found)
  const near = nearNames(
    name,
    found.columns.map((column) => column.name),
  )
  const proposal = near.length === 0 ? '' : `did you mean ${near.join(', ')}? `
  const columns = found.columns.map((column) => column.name).join(', ')
  const message = `${table} has no column ${name}; ${proposal}it has ${columns}`
  return new TransferError(`${side}/column-missing`, message, { table, column: name })
}
