import { nameAmong } from '../connectors/sql/table-name.ts'
import { quoteIdentifier, quoteTable, type TableName } from '../schema/index.ts'
import { createStaging, orderColumn } from './staging-table.ts'

/** What becomes of a record whose key is in the table already. */
export interface ConflictRule {
  readonly on: 'replace' | 'ignore'
  /** The columns that tell whether a row is there; null: the primary key, or the only unique index. */
  readonly keys: readonly string[] | null
  /** What `replace` sets; null: every column of the record that may be set. */
  readonly update: readonly string[] | null
}

/** What the catalog says of the destination, as far as a merge depends on it. */
export interface MergeFacts {
  /** Unique indexes that ON CONFLICT can use, the primary key first. */
  readonly uniqueKeys: readonly (readonly string[])[]
  /** Empty for a server without segments, and for a table that is spread at random. */
  readonly distributedBy: readonly string[]
  readonly partitionedBy: readonly string[]
  /** `check (…)` of the table, with the columns each speaks of. */
  readonly checks: readonly { readonly definition: string; readonly columns: readonly string[] }[]
  readonly columns: readonly FactColumn[]
}

export interface FactColumn {
  readonly name: string
  readonly type: string
  readonly nullable: boolean
  /** `generated always as identity`: INSERT takes a value only where it says so, COPY always. */
  readonly identityAlways: boolean
}

export interface MergeRequest {
  readonly table: TableName
  /** Columns of the records, in COPY's order. */
  readonly columns: readonly string[]
  readonly rule: ConflictRule
  readonly facts: MergeFacts
  readonly onConflict: boolean
  readonly hasSegments: boolean
  /** A table that holds the records of the whole run; absent: a temporary one of the chunk. */
  readonly staging?: TableName
  /** Checks of staged records that the table itself does not have. */
  readonly ownChecks?: readonly string[]
}

/** Statements of one chunk, all within its transaction. */
export interface MergePlan {
  /** Makes the table that COPY fills. */
  readonly create: string
  readonly staging: TableName
  /** Empties it for the next attempt. */
  readonly empty: string
  /** Take rows from there into the table; the sum of their row counts is what was inserted or updated. */
  readonly merge: readonly string[]
  readonly lock: string | null
  /** Counts the records that took effect, where one may update several rows; null: each row was one record. */
  readonly count: string | null
  readonly how: { readonly what: string; readonly why: string }
}

/** A merge that cannot be done, with what to do instead. */
export interface MergeRefusal {
  readonly refusal: string
}

const temporary: TableName = { schema: null, table: 'adbpg_sync_merge' }
const stagingOf = ({ staging = temporary }: MergeRequest) => staging

/**
 * How a chunk is merged: INSERT … ON CONFLICT where the server has it, else UPDATE and INSERT of what is missing, under a
 * lock. A distribution or partition key is never updated (adbpg-and-peers.md A1.2).
 */
export function planMerge(given: MergeRequest): MergePlan | MergeRefusal {
  const request = { ...given, rule: namedAsIn(given.facts, given.rule) }
  const keys = keysOf(request)
  if ('refusal' in keys) return keys
  const { table, facts, onConflict } = request
  const set = columnsToSet(request, keys.columns)
  if ('refusal' in set) return set
  const identity = facts.columns.find((column) => column.identityAlways && request.columns.includes(column.name))
  if (identity !== undefined)
    return { refusal: `column ${identity.name} is generated always as identity; leave it out of \`column\`` }
  const isUnique = facts.uniqueKeys.some((unique) => isSameSet(unique, keys.columns))
  const staging = stagingOf(request)
  const direct = onConflict && isUnique
  return {
    create: createStaging({
      ...request,
      name: staging,
      isOrdered: true,
      checks: request.ownChecks ?? [],
      uniqueKeys: [],
    }),
    staging,
    empty: `truncate ${quoteTable(staging)}`,
    lock: direct ? null : `lock table ${quoteTable(table)} in share row exclusive mode`,
    merge: direct
      ? [insertOnConflict(request, keys.columns, set.columns)]
      : inTwoSteps(request, keys.columns, set.columns),
    count:
      isUnique || request.rule.on === 'ignore'
        ? null
        : `select count(*)::integer as records from (\n${distinctRecords(request, keys.columns)}\n) as given`,
    how: howOf(request, keys.columns, set.columns, isUnique),
  }
}

/** The rule names columns as the script does. */
function namedAsIn({ columns }: MergeFacts, { on, keys, update }: ConflictRule): ConflictRule {
  const names = columns.map(({ name }) => name)
  const named = (list: readonly string[] | null) => list?.map((written) => nameAmong(names, written))
  return { on, keys: named(keys) ?? null, update: named(update) ?? null }
}

function howOf(
  { rule, onConflict }: MergeRequest,
  keys: readonly string[],
  set: readonly string[],
  isUnique: boolean,
): MergePlan['how'] {
  const effect = rule.on === 'ignore' ? 'is left out' : `sets ${set.join(', ') || 'nothing'}`
  const what = `a record whose ${keys.join(', ')} is there ${effect}`
  const fixed = (rule.update ?? []).filter((name) => keys.includes(name))
  const left = fixed.length === 0 ? '' : `; updateColumn ${fixed.join(', ')} is of the key, which is never updated`
  if (onConflict && isUnique)
    return { what, why: `by insert … on conflict, over the unique index of ${keys.join(', ')}${left}` }
  const reason = onConflict ? `no unique index is over ${keys.join(', ')}` : 'the server has no ON CONFLICT'
  return { what, why: `by update and insert under a lock of the table: ${reason}${left}` }
}

const isSameSet = (a: readonly string[], b: readonly string[]) =>
  a.length === b.length && a.every((one) => b.includes(one))

function keysOf({ rule, facts, columns, table }: MergeRequest): { columns: readonly string[] } | MergeRefusal {
  const keys = rule.keys ?? facts.uniqueKeys[0]
  if (keys === undefined)
    return { refusal: `${table.table} has no primary key and no unique index; name the key in uniqueIndexColumn` }
  const missing = keys.filter((key) => !columns.includes(key))
  return missing.length === 0
    ? { columns: keys }
    : { refusal: `the key (${keys.join(', ')}) needs column ${missing.join(', ')} in the records` }
}

function columnsToSet(request: MergeRequest, keys: readonly string[]): { columns: readonly string[] } | MergeRefusal {
  const { rule, facts, columns } = request
  if (rule.on === 'ignore') return { columns: [] }
  const fixed = [...facts.distributedBy, ...facts.partitionedBy]
  const unknown = (rule.update ?? []).find((name) => !columns.includes(name))
  if (unknown !== undefined) return { refusal: `updateColumn ${unknown} is no column of the records` }
  const loose = fixed.filter((name) => !keys.includes(name) && columns.includes(name))
  if (loose.length > 0) {
    const message = `rows are placed by ${loose.join(', ')}, which cannot be updated; put it into the key (uniqueIndexColumn)`
    return { refusal: message }
  }
  return { columns: (rule.update ?? columns).filter((name) => !keys.includes(name)) }
}

const list = (names: readonly string[]) => names.map(quoteIdentifier).join(', ')
const equal = (left: string, right: string, names: readonly string[]) =>
  names.map((name) => `${left}.${quoteIdentifier(name)} = ${right}.${quoteIdentifier(name)}`).join(' and ')

/** Of several records with one key the last one, or the first where the table's own row would win too. */
function distinctRecords(request: MergeRequest, keys: readonly string[]): string {
  const { columns, rule } = request
  const direction = rule.on === 'replace' ? 'desc' : 'asc'
  const nulls = keys.map((key) => `${quoteIdentifier(key)} is null`).join(' or ')
  return `select ${list(columns)} from (
  select *, row_number() over (partition by ${list(keys)} order by ${orderColumn} ${direction}) as adbpg_sync_rank
  from ${quoteTable(stagingOf(request))}
) as ranked
where adbpg_sync_rank = 1 or ${nulls}`
}

/** In the order of the keys, so that two chunks that meet take their row locks in one order. */
function insertOnConflict(request: MergeRequest, keys: readonly string[], set: readonly string[]): string {
  const { table, columns } = request
  const updates = set.map((name) => `${quoteIdentifier(name)} = excluded.${quoteIdentifier(name)}`)
  const action = updates.length === 0 ? 'do nothing' : `do update set ${updates.join(', ')}`
  return `insert into ${quoteTable(table)} (${list(columns)})
${distinctRecords(request, keys)}
order by ${list(keys)}
on conflict (${list(keys)}) ${action}`
}

function inTwoSteps(request: MergeRequest, keys: readonly string[], set: readonly string[]): string[] {
  const { table, columns } = request
  const target = quoteTable(table)
  const insert = `insert into ${target} (${list(columns)})
select ${list(columns)} from (
${distinctRecords(request, keys)}
) as given
where not exists (select 1 from ${target} as there where ${equal('there', 'given', keys)})`
  if (set.length === 0) return [insert]
  const updates = set.map((name) => `${quoteIdentifier(name)} = given.${quoteIdentifier(name)}`).join(', ')
  const update = `update ${target} as there set ${updates}
from (
${distinctRecords(request, keys)}
) as given
where ${equal('there', 'given', keys)}`
  return [update, insert]
}
