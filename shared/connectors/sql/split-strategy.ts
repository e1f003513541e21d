import type { Decision, SplitRequest } from '../contract.ts'
import type { TableColumn } from './table-lookup.ts'

/** What is known of the table to be read, before any of its rows. */
export interface SplitFacts {
  /** null: the catalog cannot know, as for a view. */
  readonly bytes: number | null
  readonly splitPk: TableColumn | null
  readonly primaryKey: TableColumn | null
  /** null: the server has no segments, or what is read has no distribution. */
  readonly distribution: { readonly by: 'hash' | 'random' | 'replicated'; readonly segments: number } | null
}

export type Strategy =
  | { readonly by: 'whole' }
  | { readonly by: 'keys'; readonly column: TableColumn; readonly count: number }
  | { readonly by: 'segments'; readonly segments: number }

export interface Chosen {
  readonly strategy: Strategy
  readonly decisions: readonly Decision[]
}

/** A plan is one JSON document in the ledger; more slices than this would make it unwieldy. */
const maxSlices = 10_000
/** Where the size is unknown: DataX's `splitFactor`, so that uneven slices even out over the channels. */
const slicesPerChannel = 5

const integers: ReadonlySet<string> = new Set(['smallint', 'integer', 'bigint'])
export const isIntegerColumn = (column: TableColumn) => integers.has(column.type)

/** One way is chosen, and each one passed over says why, with the numbers. */
export function chooseStrategy(facts: SplitFacts, want: SplitRequest): Chosen {
  const { bytes, splitPk, primaryKey, distribution } = facts
  if (bytes !== null && bytes < want.targetBytes) {
    return whole(`table ${printBytes(bytes)} is smaller than ${printBytes(want.targetBytes)}`)
  }
  const passedOver: Decision[] = []
  if (splitPk !== null) {
    if (isIntegerColumn(splitPk)) return byKeys(splitPk, 'splitPk', facts, want, passedOver)
    passedOver.push({
      what: `splitPk ${splitPk.name} is not used`,
      why: `its type is ${splitPk.type}; ranges need smallint, integer or bigint`,
    })
  }
  if (distribution?.by === 'hash') return bySegments(distribution.segments, facts, passedOver)
  if (distribution !== null) passedOver.push(notBySegments(distribution.by))
  if (primaryKey !== null && isIntegerColumn(primaryKey)) {
    return byKeys(primaryKey, 'primary key', facts, want, passedOver)
  }
  return whole(`no splitPk is given, and the table has no primary key of one integer column`, passedOver)
}

export const whole = (why: string, passedOver: readonly Decision[] = []): Chosen => ({
  strategy: { by: 'whole' },
  decisions: [...passedOver, { what: 'one slice', why }],
})

function byKeys(
  column: TableColumn,
  origin: string,
  { bytes }: SplitFacts,
  { concurrent, targetBytes }: SplitRequest,
  passedOver: readonly Decision[],
): Chosen {
  // As many for each of those that read at the same time: none is left alone with the last.
  const rounds = bytes === null ? slicesPerChannel : Math.ceil(bytes / (targetBytes * concurrent))
  const count = Math.min(maxSlices, rounds * concurrent)
  const size = bytes === null ? 'its size is unknown' : `${printBytes(bytes)} in steps of ${printBytes(targetBytes)}`
  const what = `up to ${count} slices by ranges of ${column.name}`
  const why = `${origin} ${column.name} is ${column.type}; ${size}, ${concurrent} at a time, ${maxSlices} at most`
  return { strategy: { by: 'keys', column, count }, decisions: [...passedOver, { what, why }] }
}

/** Greenplum sends such a query to the one segment that has the rows (adbpg-and-peers.md A4). */
function bySegments(segments: number, { bytes }: SplitFacts, passedOver: readonly Decision[]): Chosen {
  const size = bytes === null ? '' : `; ${printBytes(bytes)} in all`
  const why = `the table is distributed by hash over ${segments} segments${size}`
  return {
    strategy: { by: 'segments', segments },
    decisions: [...passedOver, { what: `${segments} slices by segment`, why }],
  }
}

const notBySegments = (by: 'random' | 'replicated'): Decision => ({
  what: 'not sliced by segment',
  why:
    by === 'replicated'
      ? 'the table is replicated: every segment has every row'
      : 'the table is distributed randomly: each slice would scan all segments',
})

const units = ['B', 'kB', 'MB', 'GB', 'TB'] as const

export function printBytes(bytes: number): string {
  let value = bytes
  let unit = 0
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024
    unit += 1
  }
  return `${value < 10 ? Number(value.toFixed(1)) : Math.round(value)} ${units[unit]}`
}
