import * as z from 'zod'
import { PostgresConnectionOption } from '../options/connections.ts'
import { choice, flag, notYet, optionalText, parameters, texts, wizardLeavings } from '../options/fields.ts'

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
  uniqueIndexColumn: 'it has a meaning only where conflicting rows are replaced',
  uniqueIndexColumns: 'it has a meaning only where conflicting rows are replaced',
  updateColumn: 'it has a meaning only where conflicting rows are replaced',
  segment_reject_limit: 'set errorLimit instead',
}

const later = 'write modes are a later release: rows are only added, and a conflicting one is dirty'

/** dataworks-datax.md §3.2 (writer `adbpg`, `adbpgwriter`, `gpdbwriter`) and §3.3. */
export const WriterOptions = parameters(
  {
    connection: PostgresConnectionOption,
    schema: optionalText(),
    table: z.preprocess((value) => (Array.isArray(value) && value.length === 1 ? value[0] : value), z.string().min(1)),
    /** `["*"]`, or names of columns. */
    column: texts().refine((columns) => columns.length > 0, 'give ["*"], or a list of column names'),
    preSql: texts(),
    postSql: texts(),
    /** Both mean COPY: what `insert` promises, COPY does faster. */
    writeMode: choice(['copy', 'insert'], {
      otherwise: 'copy',
      refused: { upsert: later, replace: later, update: later, merge: later, ignore: later },
    }),
    conflictMode: choice(['reject'], {
      otherwise: 'reject',
      aliases: { report: 'reject' },
      refused: { replace: later, ignore: later, upsert: later, update: later },
    }),
    ignoreInsert: notYet(later, [false, 'false']),
    insertIgnore: notYet(later, [false, 'false']),
    emptyAsNull: notYet('set nullFormat of the reader: "" makes empty fields NULL', [false, 'false']),
    addQuote: flag(false),
  },
  writerIgnored,
)
export type WriterOptions = z.infer<typeof WriterOptions>
