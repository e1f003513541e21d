import * as z from 'zod'
import { MysqlConnectionOption } from '../options/connections.ts'
import { choice, count, notYet, parameters, texts, wizardLeavings } from '../options/fields.ts'

export const mysqlWriterIgnored: Readonly<Record<string, string>> = {
  ...wizardLeavings,
  encoding: 'rows are sent as UTF-8, and the server converts them to the character set of each column',
  batchByteSize: 'a statement is bounded by max_allowed_packet of the server',
  socketTimeout: 'the time limit of the function ends a load',
  nullMode: 'NULL is written as NULL',
}

/** dataworks-datax.md §3.3 and §3.4 (`mysqlwriter`). */
export const MysqlWriterOptions = parameters(
  {
    connection: MysqlConnectionOption,
    table: z.preprocess((value) => (Array.isArray(value) && value.length === 1 ? value[0] : value), z.string().min(1)),
    /** `["*"]`, or names of columns. */
    column: texts().refine((columns) => columns.length > 0, 'give ["*"], or a list of column names'),
    preSql: texts(),
    postSql: texts(),
    /** Statements for each session that loads rows; `sql_mode` is ours. */
    session: texts(),
    writeMode: choice(['insert', 'replace', 'update', 'ignore'], {
      otherwise: 'insert',
      aliases: {
        'insert into': 'insert',
        'replace into': 'replace',
        'on duplicate key update': 'update',
        'insert ignore': 'ignore',
        'insert ignore into': 'ignore',
      },
    }),
    /** What `update` sets; empty: every column that is written. */
    updateColumn: texts(),
    /** Rows of one statement. */
    batchSize: count({ min: 1, max: 65_536, otherwise: 1024 }),
    skipNullColumn: notYet('every column is written; leave columns that shall keep their default out of `column`'),
    atomic: notYet('rows become visible chunk by chunk; only destinations that take COPY can hold back a run', [
      false,
      'false',
    ]),
    overwrite: notYet('only destinations that take COPY replace rows; give preSql that deletes them', [false, 'false']),
    emptyAsNull: notYet("give null as an expression of the reader: nullif(column, '')", [false, 'false']),
  },
  mysqlWriterIgnored,
).superRefine(({ writeMode, updateColumn }, context) => {
  if (updateColumn.length === 0 || writeMode === 'update') return
  context.addIssue({ code: 'custom', path: ['updateColumn'], message: 'is for writeMode update only' })
})
export type MysqlWriterOptions = z.infer<typeof MysqlWriterOptions>
