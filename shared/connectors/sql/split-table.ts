import type { Sql } from '../../ports/index.ts'
import { quoteTable } from '../../schema/index.ts'
import type { Decision, PlannedSlice, Slice, Split, SplitRequest } from '../contract.ts'
import * as catalog from './catalog.sql.ts'
import { incrementPredicate } from './increment-text.ts'
import { bothConditions, shareOf, withIncrement } from './increments.ts'
import { keyRanges } from './key-ranges.ts'
import { keyBoundsText, predicateOf, type Selected, whereText } from './query-text.ts'
import { chooseStrategy, isIntegerColumn, type SplitFacts, whole } from './split-strategy.ts'
import { type FoundTable, oidsBelow, pickColumns, type TableColumn } from './table-lookup.ts'

type TableSelected = Extract<Selected, { from: 'table' }>

/** @throws source/column-missing when splitPk names no column */
export async function splitSelected(
  sql: Sql,
  selected: Selected,
  splitPk: string | null,
  want: SplitRequest,
): Promise<Split> {
  const { increment } = want
  if (increment === null || selected.from === 'query') return await splitRows(sql, selected, splitPk, want)
  const where = bothConditions(selected.where, incrementPredicate(increment))
  const { slices, decisions } = await splitRows(sql, { ...selected, where }, splitPk, want)
  return { slices: slices.map((one) => ({ ...one, slice: withIncrement(one.slice, increment) })), decisions }
}

async function splitRows(sql: Sql, selected: Selected, splitPk: string | null, want: SplitRequest): Promise<Split> {
  if (selected.from === 'query') {
    const { decisions } = whole('querySql is one statement; ranges of it are not known')
    return { slices: [sliceOf({ by: 'whole' })], decisions }
  }
  const facts = await gatherFacts(sql, selected.table, splitPk)
  const bytes = want.increment === null ? facts.bytes : await measureIncrement(sql, selected, facts, want)
  const { strategy, decisions } = chooseStrategy({ ...facts, bytes }, want)
  if (strategy.by === 'whole') return { slices: [sliceOf({ by: 'whole' })], decisions }
  if (strategy.by === 'segments') {
    const segments = [...Array(strategy.segments).keys()]
    return { slices: segments.map((segment) => sliceOf({ by: 'segment', segment })), decisions }
  }
  return await splitByKeys(sql, selected, strategy, decisions)
}

/** How much a slice of a table holds is known only when it was read. */
const sliceOf = (slice: Slice): PlannedSlice => ({ slice, bytes: null, records: null })

async function splitByKeys(
  sql: Sql,
  selected: TableSelected,
  { column, count }: { column: TableColumn; count: number },
  decisions: readonly Decision[],
): Promise<Split> {
  const { name } = column
  const { rows } = await sql.query<{ low: string | null; high: string | null }>(
    keyBoundsText(selected.table, name, selected.where),
  )
  const { low, high } = rows[0] ?? { low: null, high: null }
  const nulls = column.nullable ? [sliceOf({ by: 'null', column: name })] : []
  const nullDecision = column.nullable
    ? { what: `one slice more for rows without ${name}`, why: 'the column may be null' }
    : { what: `no slice for rows without ${name}`, why: 'the column is not null' }
  if (low === null || high === null) {
    const empty = { what: 'no range is read', why: `no row has a ${name}` }
    return { slices: nulls, decisions: [...decisions, empty, nullDecision] }
  }
  const ranges = keyRanges(BigInt(low), BigInt(high), count)
  const found = { what: `${ranges.length} ranges of ${name}`, why: `it runs from ${low} to ${high}` }
  const slices = ranges.map(({ from, to }) => sliceOf({ by: 'keys', column: name, from, to }))
  return { slices: [...slices, ...nulls], decisions: [...decisions, found, nullDecision] }
}

/**
 * Two ranges of the keys of a slice, and the rows without a key where it may hold some. A whole table is cut by `splitPk`
 * or its primary key; what has no integer key, and one key alone, stays whole.
 */
export async function cutSmaller(
  sql: Sql,
  selected: Selected,
  splitPk: string | null,
  slice: Slice,
): Promise<readonly Slice[]> {
  if (selected.from === 'query') return []
  const column = await keyOf(sql, selected.table, splitPk, slice)
  if (column === null) return []
  const bounds = keyBoundsText(selected.table, column.name, selected.where, predicateOf(slice))
  const { rows } = await sql.query<{ low: string | null; high: string | null }>(bounds)
  const { low, high } = rows[0] ?? { low: null, high: null }
  if (low === null || high === null || low === high) return []
  const middle = String(BigInt(low) + (BigInt(high) - BigInt(low) + 1n) / 2n)
  const { from = null, to = null } = slice
  const range = { ...slice, by: 'keys', column: column.name }
  const nulls = slice.by === 'whole' && column.nullable ? [{ ...slice, by: 'null', column: column.name }] : []
  return [{ ...range, from, to: middle }, { ...range, from: middle, to }, ...nulls]
}

async function keyOf(sql: Sql, table: FoundTable, splitPk: string | null, slice: Slice): Promise<TableColumn | null> {
  if (slice.by === 'keys') return table.columns.find((column) => column.name === slice.column) ?? null
  if (slice.by !== 'whole') return null
  const facts = await gatherFacts(sql, table, splitPk)
  return [facts.splitPk, facts.primaryKey].find((column) => column !== null && isIntegerColumn(column)) ?? null
}

/**
 * The share of a table that its rows have, so that some new rows of a large table are not read in as many slices as all. A
 * beginning without a mark is taken for the whole table: counting it would be reading it.
 */
async function measureIncrement(
  sql: Sql,
  { table, where }: TableSelected,
  { bytes, rows: all }: Facts,
  { increment, targetBytes }: SplitRequest,
): Promise<number | null> {
  if (bytes === null || bytes < targetBytes || increment?.low == null) return bytes
  const { rows } = await sql.query<{ n: string }>(
    `select count(*)::text as n\nfrom ${quoteTable(table)}${whereText(where, null)}`,
  )
  return shareOf(bytes, Number(rows[0]?.n ?? 0), all)
}

interface Facts extends SplitFacts {
  /** 0: nobody knows. */
  readonly rows: number
}

async function gatherFacts(sql: Sql, table: FoundTable, splitPk: string | null): Promise<Facts> {
  const [picked] = splitPk === null ? [] : pickColumns(table, [splitPk], 'source')
  const { rows } = await sql.query<{ name: string }>(catalog.findPrimaryKeyColumn, [table.oid])
  return {
    ...(await measure(sql, table)),
    splitPk: picked ?? null,
    primaryKey: table.columns.find((column) => column.name === rows[0]?.name) ?? null,
    distribution: await readDistribution(sql, table),
  }
}

const measurable: ReadonlySet<string> = new Set(['r', 'p', 'm'])

/** With all partitions and children, as a plain SELECT reads them too. */
async function measure(sql: Sql, table: FoundTable): Promise<{ bytes: number | null; rows: number }> {
  if (!measurable.has(table.kind)) return { bytes: null, rows: 0 }
  const oids = [table.oid, ...(await oidsBelow(sql, table.oid))]
  const { rows } = await sql.query<{ bytes: string; rows: string }>(catalog.measureTables, [oids])
  return { bytes: Number(rows[0]?.bytes ?? 0), rows: Number(rows[0]?.rows ?? 0) }
}

async function readDistribution(sql: Sql, table: FoundTable): Promise<SplitFacts['distribution']> {
  const { rows: detected } = await sql.query(catalog.detectDistribution)
  if (detected.length === 0) return null
  const { rows } = await sql.query<{ type: string; key: string; segments: number }>(catalog.readDistribution, [
    table.oid,
  ])
  const [policy] = rows
  if (policy === undefined || policy.segments < 1) return null
  const by = policy.type === 'r' ? 'replicated' : policy.key === '' ? 'random' : 'hash'
  return { by, segments: policy.segments }
}
