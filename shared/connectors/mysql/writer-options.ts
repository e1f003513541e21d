import type * as z from 'zod'
import { whenSound } from '../../errors/index.ts'
import { MysqlConnectionOption } from '../options/connections.ts'
import { choice, columnTexts, count, notYet, oneText, parameters, texts, wizardLeavings } from '../options/fields.ts'
import { refuseTable } from './names.ts'

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
    table: oneText().meta({ description: '`name` or `database.name`.', examples: ['shop.orders'] }),
    column: columnTexts()
      .refine((columns) => columns.length > 0, 'give ["*"], or a list of column names')
      .describe('`["*"]`: every column that is not generated. Or names, in the order of the reader.'),
    preSql: texts().describe('SQL before the first row, with the rights of the datasource.'),
    postSql: texts().describe('SQL after the last row, if all went well, with the rights of the datasource.'),
    session: texts().describe('Statements for each session that loads rows; `sql_mode` is ours.'),
    writeMode: choice(['insert', 'replace', 'update', 'ignore'], {
      otherwise: 'insert',
      aliases: {
        'insert into': 'insert',
        'replace into': 'replace',
        'on duplicate key update': 'update',
        'insert ignore': 'ignore',
        'insert ignore into': 'ignore',
      },
    }).describe('A record whose key is in the table: dirty, takes the place of the row, updates it, or is left out.'),
    updateColumn: texts().describe('What `update` sets; unset: every column that is written.'),
    batchSize: count({ min: 1, max: 65_536, otherwise: 1024 }).describe('Rows of one statement.'),
    skipNullColumn: notYet('every column is written; leave columns that shall keep their default out of `column`'),
    atomic: notYet('rows become visible chunk by chunk; only destinations that take COPY can hold back a run', [
      false,
      'false',
    ]),
    overwrite: notYet('only destinations that take COPY replace rows; give preSql that deletes them', [false, 'false']),
    emptyAsNull: notYet("give null as an expression of the reader: nullif(column, '')", [false, 'false']),
  },
  mysqlWriterIgnored,
)
  .superRefine(({ table }, context) => refuseTable(table, context), whenSound('table'))
  .superRefine(
    ({ writeMode, updateColumn }, context) => {
      if (updateColumn.length === 0 || writeMode === 'update') return
      context.addIssue({ code: 'custom', path: ['updateColumn'], message: 'is for writeMode update only' })
    },
    whenSound('writeMode', 'updateColumn'),
  )
export type MysqlWriterOptions = z.infer<typeof MysqlWriterOptions>
