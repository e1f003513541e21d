import { quoteIdentifier, quoteTable, type TableName } from '../schema/index.ts'
import { type ConflictRule, type MergeFacts, type MergeRefusal, planMerge } from './merge.ts'
import { createStaging } from './staging-table.ts'

/** What of the table the rows of a run take the place of. */
export type Overwrite =
  | { readonly of: 'table' }
  | { readonly of: 'partition'; readonly name: string }
  /** SQL of the author, as it stands. */
  | { readonly of: 'rows'; readonly where: string }

/** What the catalog says of the place that a run is published to. */
export interface PublicationFacts extends MergeFacts {
  /** The table, or the partition that is overwritten. */
  readonly place: TableName
  /** What tells that a row belongs to the partition, where the server can say it; null: it is no partition. */
  readonly bounds: string | null
}

export interface PublicationRequest {
  /** Columns of the records. */
  readonly columns: readonly string[]
  readonly rule: ConflictRule | null
  readonly overwrite: Overwrite | null
  readonly facts: PublicationFacts
  readonly onConflict: boolean
  readonly hasSegments: boolean
  readonly staging: TableName
}

/** Statements of a run whose rows become visible together. */
export interface PublicationPlan {
  /** Makes the table that the loaders fill. */
  readonly create: string
  readonly staging: TableName
  /** In this order, in the transaction that ends the run; the sum of what `insert` says is what was inserted or updated. */
  readonly lock: string | null
  readonly remove: string | null
  readonly insert: readonly string[]
  /** Counts the records that took effect, where one may update several rows; null: each row was one record. */
  readonly count: string | null
  readonly countStaged: string
  readonly drop: string
  readonly how: readonly { readonly what: string; readonly why: string }[]
}

/**
 * How the rows of a run become visible: they are collected in a table of the run's own, and one transaction takes them
 * from there into their place, in which it first deletes what they replace. DELETE, and not TRUNCATE: whoever reads goes on
 * reading the old rows until the commit (docs/decisions.md).
 */
export function planPublication(request: PublicationRequest): PublicationPlan | MergeRefusal {
  const { overwrite, facts, staging, columns } = request
  const unplaced = overwrite?.of === 'partition' ? facts.partitionedBy.filter((name) => !columns.includes(name)) : []
  if (unplaced.length > 0)
    return { refusal: `to overwrite a partition, column ${unplaced.join(', ')} must be among those that are loaded` }
  const loaded = request.rule === null ? planAppend(request) : planMerged(request, request.rule)
  if ('refusal' in loaded) return loaded
  const { how, ...plan } = loaded
  const remove = removal(facts.place, overwrite)
  const lock = remove === null ? plan.lock : lockOf(facts.place)
  return {
    ...plan,
    staging,
    lock,
    remove,
    countStaged: `select count(*)::text as records from ${quoteTable(staging)}`,
    drop: `drop table if exists ${quoteTable(staging)}`,
    how: [...how, told(request, [lock, remove, ...plan.insert])],
  }
}

type Loaded = Pick<PublicationPlan, 'create' | 'lock' | 'insert' | 'count' | 'how'>

function planAppend(request: PublicationRequest): Loaded {
  const { columns, facts, staging, hasSegments } = request
  const list = columns.map(quoteIdentifier).join(', ')
  const overriding = facts.columns.some((column) => column.identityAlways && columns.includes(column.name))
  // A replicated table may have keys, and its rows are collected in one that is spread at random, which may not.
  const mayHaveKeys = !hasSegments || facts.distributedBy.length > 0
  const uniqueKeys = facts.uniqueKeys.filter((key) => mayHaveKeys && key.every((name) => columns.includes(name)))
  const checks = checksOf(request)
  return {
    create: createStaging({ name: staging, columns, facts, hasSegments, isOrdered: false, checks, uniqueKeys }),
    lock: null,
    insert: [
      `insert into ${quoteTable(facts.place)} (${list})${overriding ? ' overriding system value' : ''}\nselect ${list} from ${quoteTable(staging)}`,
    ],
    count: null,
    how: [],
  }
}

function planMerged(request: PublicationRequest, rule: ConflictRule): Loaded | MergeRefusal {
  const { columns, facts, staging, onConflict, hasSegments } = request
  const given = { table: facts.place, columns, rule, facts, onConflict, hasSegments, staging }
  const merge = planMerge({ ...given, ownChecks: checksOf(request) })
  if ('refusal' in merge) return merge
  return { create: merge.create, lock: merge.lock, insert: merge.merge, count: merge.count, how: [merge.how] }
}

/** A record that would not lie where the run overwrites would not be replaced by the next run: it is dirty instead. */
function checksOf({ overwrite, facts }: PublicationRequest): string[] {
  const bounds = facts.bounds === null ? [] : [`constraint adbpg_sync_partition check (${facts.bounds})`]
  return overwrite?.of === 'rows'
    ? [...bounds, `constraint adbpg_sync_where check ((\n${overwrite.where}\n) is true)`]
    : bounds
}

/** Conflicts with itself and with writers, but not with readers: of two runs that overwrite, the second sees the rows of the first. */
const lockOf = (place: TableName) => `lock table ${quoteTable(place)} in share row exclusive mode`

function removal(place: TableName, overwrite: Overwrite | null): string | null {
  if (overwrite === null) return null
  const all = `delete from ${quoteTable(place)}`
  return overwrite.of === 'rows' ? `${all} where (\n${overwrite.where}\n)` : all
}

function told({ overwrite }: PublicationRequest, statements: readonly (string | null)[]) {
  const sql = statements.filter((statement) => statement !== null).map((statement) => statement.replaceAll(/\s+/g, ' '))
  const why = overwrite === null ? 'atomic: all of the run or nothing' : `overwrite: ${replaced(overwrite)}`
  return { what: `the run becomes visible at its end, in one transaction: ${sql.join('; ')}`, why }
}

function replaced(overwrite: Overwrite): string {
  if (overwrite.of === 'table') return 'the rows of the table are replaced, readers see the old ones until then'
  return overwrite.of === 'partition'
    ? `the rows of partition ${overwrite.name} are replaced, and records of others are dirty`
    : 'the rows that meet the condition are replaced, and records that do not are dirty'
}
