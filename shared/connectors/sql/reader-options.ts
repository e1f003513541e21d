import type * as z from 'zod'
import { whenSound } from '../../errors/index.ts'
import type { Remark } from '../contract.ts'
import { PostgresConnectionOption } from '../options/connections.ts'
import {
  flag,
  noDryRun,
  optionalText,
  parameters,
  recordBytes,
  texts,
  unsupportedIssue,
  wizardLeavings,
} from '../options/fields.ts'
import { besideQuery, incrementalOption } from '../options/incremental.ts'
import { selectFields } from '../options/select-fields.ts'
import { refuseTableName } from './table-name.ts'

export const readerIgnored: Readonly<Record<string, string>> = {
  ...wizardLeavings,
  fetchSize: 'rows are streamed by COPY, not fetched',
  splitFactor: 'the number of slices follows the size of the table',
  socketTimeout: 'the time limit of the function ends a read',
  useReadOnly: 'name the read-only address in the datasource',
  encoding: 'the server converts to UTF-8',
  mandatoryEncoding: 'the server converts to UTF-8',
  session: 'DataX honours it for MySQL, Oracle and SQL Server alone',
  preSql: 'DataX runs it only to choose among addresses',
  postSql: 'a reader has nothing to do after its last row',
  checkSlave: 'name the address to read from in the datasource',
  samplePercentage: 'it has a meaning only for Oracle',
  splitMode: 'it has a meaning only for Oracle',
}

/** `t_[00-15]` and `a,b` are several tables to DataX (dataworks-datax.md §2.3); a name with such signs must be quoted. */
const namesSeveral = (table: string) => /[[\],]/.test(table.replaceAll(/"(?:[^"]|"")*"/g, ''))

/** One table per reader; DataX also takes `connection[].table` with several. */
const oneTable = texts().superRefine((tables, context) => {
  const [only = ''] = tables
  if (tables.length <= 1 && !namesSeveral(only)) return
  const message = `one table per job for now, not ${tables.length > 1 ? tables.length : only}; make a job of each`
  context.addIssue({ code: 'custom', message, params: unsupportedIssue })
})

/** dataworks-datax.md §3.2 (reader `adbpg`) and §3.3. `querySql` overrides table, column, where and splitPk. */
export const ReaderOptions = parameters(
  {
    connection: PostgresConnectionOption,
    schema: optionalText().describe('Schema of the table, where `table` does not name it.'),
    table: oneTable.meta({
      description:
        'One table or view, `name` or `schema.name`; what is not in double quotes is folded to lower case. Several tables, also `t_[00-15]`, are refused.',
      examples: ['public.orders'],
    }),
    ...selectFields(),
    splitPk: optionalText().describe(
      'An integer column whose ranges are read side by side; unset: the primary key, or the segments of ADBPG. Of another type: one slice.',
    ),
    incremental: incrementalOption(),
    addQuote: flag(false).describe('Names keep their case, as if each were in double quotes.'),
    dryRun: noDryRun(),
    maxRecordBytes: recordBytes(),
  },
  readerIgnored,
).superRefine(
  (options, context) => {
    if (options.querySql.length > 0) {
      if (options.incremental !== undefined) context.addIssue({ ...besideQuery, path: ['incremental'] })
      return
    }
    const missing = (parameter: 'table' | 'column', message: string) =>
      context.addIssue({ code: 'custom', path: [parameter], message })
    const [table] = options.table
    if (table === undefined) missing('table', 'give table ("schema.table"), or querySql')
    else refuseTableName(table, options, context)
    if (options.column.length === 0) missing('column', 'give ["*"], or a list of columns or SQL expressions')
  },
  whenSound('table', 'column', 'querySql', 'schema', 'addQuote'),
)
export type ReaderOptions = z.infer<typeof ReaderOptions>

/** DataX drops them with a warning too (dataworks-datax.md §2.3). */
export function readerRemarks(options: ReaderOptions): readonly Remark[] {
  if (options.querySql.length === 0) return []
  const beside = (['table', 'column', 'where', 'splitPk', 'schema'] as const).filter((name) => options[name]?.length)
  return beside.map((parameter) => ({ parameter, message: 'has no effect beside querySql, as in DataX' }))
}
