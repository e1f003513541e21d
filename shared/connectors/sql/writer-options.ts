import * as z from 'zod'
import { whenSound } from '../../errors/index.ts'
import type { ConflictRule } from '../../load/merge.ts'
import type { Overwrite } from '../../load/publication.ts'
import type { Remark } from '../contract.ts'
import { PostgresConnectionOption } from '../options/connections.ts'
import {
  choice,
  columnTexts,
  flag,
  noDryRun,
  notYet,
  oneText,
  optionalText,
  parameters,
  texts,
  wizardLeavings,
} from '../options/fields.ts'
import { overwriteOption } from './overwrite-option.ts'
import { refuseTableName } from './table-name.ts'
import { controlsTransaction } from './transaction-control.ts'

const always = 'rows are loaded by COPY, one transaction per chunk'

export const writerIgnored: Readonly<Record<string, string>> = {
  ...wizardLeavings,
  encoding: 'the encoding of the bytes is told to COPY',
  batchSize: always,
  batchByteSize: always,
  commitSize: always,
  parallelNumber: 'set concurrent instead',
  num_copy_processor: always,
  num_copy_writer: 'set concurrent instead',
  copy_queue_size: always,
  shareDataSource: always,
  retryTimes: 'the platform repeats a chunk that failed for a passing reason',
  retryIntervalTime: 'the platform repeats a chunk that failed for a passing reason',
  numProc: always,
  numWriter: 'set concurrent instead',
  segment_reject_limit: 'set errorLimit instead',
  pgType: 'COPY reads the text of any type',
  session: 'DataX honours it for MySQL, Oracle and SQL Server alone',
  socketTimeout: 'the time limit of the function ends a write',
  primaryKeys: 'the keys of the table are read from the server; name others with uniqueIndexColumn',
  column_i: 'the columns are those of column',
}

const asReplace = { upsert: 'replace', update: 'replace', merge: 'replace' } as const

/** The verbs themselves, as DataX takes them for MySQL (dataworks-datax.md §3.3). */
const asVerb = { 'insert into': 'insert', 'insert ignore': 'ignore', 'replace into': 'replace' } as const

/** They run in the transaction of the run's beginning or end. */
const sqlTexts = () =>
  texts().refine(
    (statements) => !statements.some(controlsTransaction),
    'begins or ends a transaction, and these statements stand in one together with the run; leave begin, commit and rollback out',
  )

/** One list of columns, or the SQL Server writer's list of lists, of which the first counts. */
const keyColumns = () =>
  z.preprocess((value) => (Array.isArray(value) && Array.isArray(value[0]) ? value[0] : value), texts())

/** dataworks-datax.md §3.2 (writer `adbpg`, `adbpgwriter`, `gpdbwriter`) and §3.3. */
export const WriterOptions = parameters(
  {
    connection: PostgresConnectionOption,
    schema: optionalText().describe('Schema of the table, where `table` does not name it.'),
    table: oneText().meta({
      description: '`name` or `schema.name`; what is not in double quotes is folded to lower case.',
      examples: ['public.orders'],
    }),
    column: columnTexts()
      .refine((columns) => columns.length > 0, 'give ["*"], or a list of column names')
      .refine((columns) => columns.length === 1 || !columns.includes('*'), '"*" stands alone, or for no column')
      .describe('`["*"]`: every column that is not generated. Or names, in the order of the reader.'),
    preSql: sqlTexts().describe('SQL before the first row, with the rights of the datasource; `@table` is the table.'),
    postSql: sqlTexts().describe('SQL after the last row, if all went well, with the rights of the datasource.'),
    /** Both `copy` and `insert` mean COPY: what `insert` promises, COPY does faster. */
    writeMode: choice(['copy', 'insert', 'replace', 'ignore'], {
      otherwise: 'copy',
      aliases: { ...asVerb, ...asReplace },
    }).describe('`copy` and `insert` both load by COPY; the others are conflict modes.'),
    conflictMode: choice(['reject', 'replace', 'ignore'], {
      otherwise: 'reject',
      aliases: { report: 'reject', ...asReplace },
    }).describe('A record whose key is in the table: dirty, updates the row, or is left out and counted.'),
    ignoreInsert: flag(false).describe('As conflictMode ignore.'),
    insertIgnore: flag(false).describe('As conflictMode ignore.'),
    uniqueIndexColumn: keyColumns().describe('Columns of the key; unset: the primary key, or the only unique index.'),
    uniqueIndexColumns: keyColumns().meta({
      description: 'The same as a list of lists, of which the first counts.',
      items: { type: ['string', 'array'] },
    }),
    updateColumn: texts().describe(
      'Columns that replace updates; unset: all that are loaded but keys and distribution keys.',
    ),
    atomic: flag(false).describe(
      'All rows of the run become visible at its end, in one transaction, or none. preSql then runs in that transaction. Our own option.',
    ),
    overwrite: overwriteOption(),
    emptyAsNull: notYet('set nullFormat of the reader: "" makes empty fields NULL', [false, 'false']),
    addQuote: flag(false).describe('Names keep their case, as if each were in double quotes.'),
    dryRun: noDryRun(),
  },
  writerIgnored,
)
  .superRefine(
    (options, context) => refuseTableName(options.table, options, context),
    whenSound('table', 'schema', 'addQuote'),
  )
  .superRefine(
    (options, context) => {
      const wanted = new Set(conflictWords(options))
      if (wanted.size < 2) return
      const message = `writeMode, conflictMode and ignoreInsert differ: ${[...wanted].join(' and ')}`
      context.addIssue({ code: 'custom', path: ['conflictMode'], message })
    },
    whenSound('writeMode', 'conflictMode', 'ignoreInsert', 'insertIgnore'),
  )
export type WriterOptions = z.infer<typeof WriterOptions>

type ConflictWords = Pick<WriterOptions, 'writeMode' | 'conflictMode' | 'ignoreInsert' | 'insertIgnore'>

/** Each parameter that says something other than "refuse". */
function conflictWords({ writeMode, conflictMode, ignoreInsert, insertIgnore }: ConflictWords): ConflictRule['on'][] {
  const ignored = ignoreInsert || insertIgnore ? (['ignore'] as const) : []
  return [writeMode, conflictMode, ...ignored].filter((word) => word === 'replace' || word === 'ignore')
}

/** Columns for a case that never comes. */
export function writerRemarks(options: WriterOptions): readonly Remark[] {
  const [on] = conflictWords(options)
  const keys = on === undefined ? (['uniqueIndexColumn', 'uniqueIndexColumns'] as const) : []
  const update = on === 'replace' ? [] : (['updateColumn'] as const)
  const unused: Remark[] = [...keys, ...update]
    .filter((name) => options[name].length > 0)
    .map((parameter) => {
      const modes = parameter === 'updateColumn' ? 'replace' : 'replace or ignore'
      return { parameter, message: `has no effect without conflictMode ${modes}` }
    })
  const twice =
    options.uniqueIndexColumn.length > 0 &&
    options.uniqueIndexColumns.length > 0 &&
    options.uniqueIndexColumn.join() !== options.uniqueIndexColumns.join()
  if (twice)
    unused.push({ parameter: 'uniqueIndexColumns', message: 'has no effect beside uniqueIndexColumn, which differs' })
  if (on === 'replace') unused.push(...keysToUpdate(options))
  const isEmptied = options.overwrite === 'table' && on === 'replace' && options.updateColumn.length > 0
  const noRow = {
    parameter: 'updateColumn',
    message: 'has no effect with overwrite of the table: no row is left to update',
  }
  return isEmptied ? [...unused, noRow] : unused
}

/** What is known without the table; its own key is looked at by the plan. */
function keysToUpdate(options: WriterOptions): Remark[] {
  const keys = conflictOf(options)?.keys ?? []
  const both = options.updateColumn.filter((name) => keys.includes(name))
  if (both.length === 0) return []
  const message = `names ${both.join(', ')} of uniqueIndexColumn; columns of the key are never updated`
  return [{ parameter: 'updateColumn', message }]
}

export function overwriteOf({ overwrite }: Pick<WriterOptions, 'overwrite'>): Overwrite | null {
  if (overwrite === undefined) return null
  if (typeof overwrite === 'string') return { of: overwrite }
  return 'partition' in overwrite
    ? { of: 'partition', name: overwrite.partition }
    : { of: 'rows', where: overwrite.where }
}

export function conflictOf(options: WriterOptions): ConflictRule | null {
  const [on] = conflictWords(options)
  if (on === undefined) return null
  const keys = options.uniqueIndexColumn.length > 0 ? options.uniqueIndexColumn : options.uniqueIndexColumns
  return {
    on,
    keys: keys.length === 0 ? null : keys,
    update: options.updateColumn.length === 0 ? null : options.updateColumn,
  }
}
