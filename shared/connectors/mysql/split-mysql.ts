import type { MysqlSession } from '../../ports/index.ts'
import type { Decision, PlannedSlice, Slice, Split, SplitRequest } from '../contract.ts'
import { bothConditions, shareOf, withIncrement } from '../sql/increments.ts'
import { keyRanges } from '../sql/key-ranges.ts'
import { whereText } from '../sql/query-text.ts'
import { chooseStrategy, type Strategy, whole } from '../sql/split-strategy.ts'
import type { TableColumn } from '../sql/table-lookup.ts'
import { incrementPredicate } from './increment-text.ts'
import { quoteName, quoteTableName } from './names.ts'
import { type MysqlSelected, predicateOf } from './select-text.ts'
import { columnOf, type FoundMysqlTable, type MysqlColumn, mysqlColumnMissing } from './table-lookup.ts'

type TableSelected = Extract<MysqlSelected, { from: 'table' }>

const integers: ReadonlySet<string> = new Set(['tinyint', 'smallint', 'mediumint', 'int', 'bigint'])
const textTypes: ReadonlySet<string> = new Set(['char', 'varchar'])
const binaryTypes: ReadonlySet<string> = new Set(['binary', 'varbinary'])

/** @throws source/column-missing when splitPk names no column */
export async function splitMysql(
  sql: MysqlSession,
  selected: MysqlSelected,
  splitPk: string | null,
  want: SplitRequest,
): Promise<Split> {
  const { increment } = want
  if (increment === null || selected.from === 'query') return await splitRows(sql, selected, splitPk, want)
  const where = bothConditions(selected.where, incrementPredicate(increment))
  const { slices, decisions } = await splitRows(sql, { ...selected, where }, splitPk, want)
  return { slices: slices.map((one) => ({ ...one, slice: withIncrement(one.slice, increment) })), decisions }
}

async function splitRows(
  sql: MysqlSession,
  selected: MysqlSelected,
  splitPk: string | null,
  want: SplitRequest,
): Promise<Split> {
  if (selected.from === 'query') {
    const { decisions } = whole('querySql is one statement; ranges of it are not known')
    return { slices: [sliceOf({ by: 'whole' })], decisions }
  }
  const { table } = selected
  const given = splitPk === null ? undefined : columnOf(table, splitPk)
  if (splitPk !== null && given === undefined) throw mysqlColumnMissing(table, splitPk, 'source')
  const key = given ?? columnOf(table, table.primaryKey ?? '')
  const bytes = want.increment === null ? table.bytes : await measureIncrement(sql, selected, want)
  const facts = { bytes, distribution: null }
  if (key !== undefined && (textTypes.has(key.baseType) || binaryTypes.has(key.baseType)))
    return await splitByTexts(sql, { ...selected, table: { ...table, bytes } }, key, want)
  const { strategy, decisions } = chooseStrategy(
    { ...facts, splitPk: asFact(given), primaryKey: asFact(given === undefined ? key : undefined) },
    want,
  )
  const time = { what: 'slices are read at different times', why: 'MySQL cannot share a snapshot between sessions' }
  const all = strategy.by === 'whole' ? decisions : [...decisions, time]
  if (strategy.by !== 'keys') return { slices: [sliceOf({ by: 'whole' })], decisions: all }
  return await splitByKeys(sql, selected, key, strategy, all)
}

/** As for PostgreSQL: the share of the table that its rows have. */
async function measureIncrement(
  sql: MysqlSession,
  { table, where }: TableSelected,
  { increment, targetBytes }: SplitRequest,
): Promise<number | null> {
  const { bytes, rows } = table
  if (bytes === null || bytes < targetBytes || increment?.low == null) return bytes
  const [row] = await sql.query(`select count(*) as n\nfrom ${quoteTableName(table)}${whereText(where, null)}`)
  return shareOf(bytes, Number(row?.n ?? 0), rows ?? 0)
}

/** In the words of the strategies, which know PostgreSQL's names of integers. */
function asFact(column: MysqlColumn | undefined): TableColumn | null {
  if (column === undefined) return null
  return integers.has(column.baseType) ? { ...column, type: 'bigint' } : column
}

const sliceOf = (slice: Slice): PlannedSlice => ({ slice, bytes: null, records: null })

async function boundsOf(
  sql: MysqlSession,
  { table, where }: TableSelected,
  column: string,
  predicate: string | null = null,
): Promise<{ low: string; high: string } | null> {
  const key = quoteName(column)
  const from = `${quoteTableName(table)}${whereText(where, predicate)}`
  const [row] = await sql.query(`select min(${key}) as low, max(${key}) as high\nfrom ${from}`)
  const { low, high } = row ?? {}
  return low == null || high == null ? null : { low, high }
}

async function splitByKeys(
  sql: MysqlSession,
  selected: TableSelected,
  column: MysqlColumn | undefined,
  { count }: Extract<Strategy, { by: 'keys' }>,
  decisions: readonly Decision[],
): Promise<Split> {
  if (column === undefined) return { slices: [sliceOf({ by: 'whole' })], decisions }
  const { name } = column
  const nulls = nullSlices(column)
  const bounds = await boundsOf(sql, selected, name)
  if (bounds === null) {
    const empty = { what: 'no range is read', why: `no row has a ${name}` }
    return { slices: nulls.slices, decisions: [...decisions, empty, nulls.decision] }
  }
  const ranges = keyRanges(BigInt(bounds.low), BigInt(bounds.high), count)
  const found = { what: `${ranges.length} ranges of ${name}`, why: `it runs from ${bounds.low} to ${bounds.high}` }
  const slices = ranges.map(({ from, to }) => sliceOf({ by: 'keys', column: name, from, to }))
  return { slices: [...slices, ...nulls.slices], decisions: [...decisions, found, nulls.decision] }
}

function nullSlices({ name, nullable }: MysqlColumn): { slices: PlannedSlice[]; decision: Decision } {
  return nullable
    ? {
        slices: [sliceOf({ by: 'null', column: name })],
        decision: { what: `one slice more for rows without ${name}`, why: 'the column may be null' },
      }
    : { slices: [], decision: { what: `no slice for rows without ${name}`, why: 'the column is not null' } }
}

/** Walking an index costs one look at every key; more cuts than this are not worth it. */
const maxTextSlices = 256

/**
 * Ranges of texts, cut at keys that are there: the server compares them in the column's own collation, when it walks the
 * index and when it reads a slice, so that each row is in one range whatever the collation takes for equal. DataX cuts by
 * character codes, which loses rows where the collation differs (dataworks-datax.md §2.3).
 */
async function splitByTexts(
  sql: MysqlSession,
  selected: TableSelected,
  column: MysqlColumn,
  want: SplitRequest,
): Promise<Split> {
  const { table } = selected
  const one = (why: string): Split => ({ slices: [sliceOf({ by: 'whole' })], decisions: whole(why).decisions })
  if (!table.indexed.has(column.name)) return one(`${column.name} is ${column.type} and no index begins with it`)
  const chosen = chooseStrategy(
    { bytes: table.bytes, distribution: null, primaryKey: null, splitPk: { ...column, type: 'bigint' } },
    want,
  )
  if (chosen.strategy.by !== 'keys' || table.rows === null)
    return { slices: [sliceOf({ by: 'whole' })], decisions: chosen.decisions }
  const count = Math.min(maxTextSlices, chosen.strategy.count)
  const cuts = await cutsOf(sql, selected, column, Math.max(1, Math.ceil(table.rows / count)), count)
  const bounds = [null, ...cuts, null]
  const binary = binaryTypes.has(column.baseType)
  const ranges = bounds
    .slice(1)
    .map((to, index) => sliceOf({ by: 'texts', column: column.name, binary, from: bounds[index] ?? null, to }))
  const nulls = nullSlices(column)
  const why = `it is ${column.type}, cut at keys along its index`
  const decisions = [{ what: `${ranges.length} ranges of ${column.name}`, why }, nulls.decision]
  return { slices: [...ranges, ...nulls.slices], decisions }
}

/** Every `step`-th key along the index, as hex. */
async function cutsOf(
  sql: MysqlSession,
  selected: TableSelected,
  column: MysqlColumn,
  step: number,
  count: number,
): Promise<string[]> {
  const key = quoteName(column.name)
  const binary = binaryTypes.has(column.baseType)
  const asHex = binary ? `hex(${key})` : `hex(convert(${key} using utf8mb4))`
  const cuts: string[] = []
  while (cuts.length < count - 1) {
    const slice = { by: 'texts', column: column.name, binary, from: cuts.at(-1) ?? null, to: null }
    const from = `${quoteTableName(selected.table)}${whereText(selected.where, predicateOf(slice))}`
    const [row] = await sql.query(`select ${asHex} as cut\nfrom ${from}\norder by ${key} limit 1 offset ${step}`)
    const cut = row?.cut?.toLowerCase()
    // Many equal keys: the walk would stand still.
    if (cut === undefined || cut === cuts.at(-1)) break
    cuts.push(cut)
  }
  return cuts
}

/** As for PostgreSQL: two ranges of the keys of a slice, and the rows without a key where it may hold some. */
export async function cutMysqlSmaller(
  sql: MysqlSession,
  selected: MysqlSelected,
  splitPk: string | null,
  slice: Slice,
): Promise<readonly Slice[]> {
  if (selected.from === 'query') return []
  const column = keyOf(selected.table, splitPk, slice)
  if (column === undefined || !integers.has(column.baseType)) return []
  const bounds = await boundsOf(sql, selected, column.name, predicateOf(slice))
  if (bounds === null || bounds.low === bounds.high) return []
  const [low, high] = [BigInt(bounds.low), BigInt(bounds.high)]
  const middle = String(low + (high - low + 1n) / 2n)
  const { from = null, to = null } = slice
  const range = { ...slice, by: 'keys', column: column.name }
  const nulls = slice.by === 'whole' && column.nullable ? [{ ...slice, by: 'null', column: column.name }] : []
  return [{ ...range, from, to: middle }, { ...range, from: middle, to }, ...nulls]
}

function keyOf(table: FoundMysqlTable, splitPk: string | null, slice: Slice): MysqlColumn | undefined {
  if (slice.by === 'keys') return table.columns.find((column) => column.name === slice.column)
  if (slice.by !== 'whole') return undefined
  const candidates = [splitPk ?? '', table.primaryKey ?? ''].map((name) => columnOf(table, name))
  return candidates.find((column) => column !== undefined && integers.has(column.baseType))
}
