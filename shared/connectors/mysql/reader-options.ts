import type * as z from 'zod'
import { whenSound } from '../../errors/index.ts'
import { MysqlConnectionOption } from '../options/connections.ts'
import { optionalText, parameters, recordBytes, texts, unsupportedIssue, wizardLeavings } from '../options/fields.ts'
import { besideQuery, incrementalOption } from '../options/incremental.ts'
import { selectFields } from '../options/select-fields.ts'
import { refuseTable } from './names.ts'

export const mysqlReaderIgnored: Readonly<Record<string, string>> = {
  ...wizardLeavings,
  fetchSize: 'rows are streamed as they come',
  splitFactor: 'the number of slices follows the size of the table',
  socketTimeout: 'the time limit of the function ends a read',
  useReadOnly: 'name the read-only address in the datasource',
  canReadPrimary: 'name the address in the datasource',
  masterSlave: 'name the address in the datasource',
  slaveDelayLimit: 'name the address in the datasource',
  checkSlave: 'name the address in the datasource',
  singleOrMulti: 'one table per job',
  encoding: 'the server converts to UTF-8',
  mandatoryEncoding: 'the server converts to UTF-8',
}

const oneTable = texts().superRefine((tables, context) => {
  if (tables.length <= 1) return
  const message = `one table per job for now, not ${tables.length}; make a job of each`
  context.addIssue({ code: 'custom', message, params: unsupportedIssue })
})

/** dataworks-datax.md §3.3, §3.4 (`mysqlreader`) and §3.9. `querySql` overrides table, column, where and splitPk. */
export const MysqlReaderOptions = parameters(
  {
    connection: MysqlConnectionOption,
    table: oneTable.meta({
      description: 'One table or view, `name` or `database.name`; several are refused.',
      examples: ['shop.orders'],
    }),
    ...selectFields(),
    splitPk: optionalText().describe('A column whose ranges are read side by side.'),
    incremental: incrementalOption(),
    session: texts().describe('Statements for each session, such as `set max_statement_time = 0`.'),
    maxRecordBytes: recordBytes(),
  },
  mysqlReaderIgnored,
).superRefine(
  (options, context) => {
    if (options.querySql.length > 0) {
      if (options.incremental !== undefined) context.addIssue({ ...besideQuery, path: ['incremental'] })
      return
    }
    const missing = (parameter: 'table' | 'column', message: string) =>
      context.addIssue({ code: 'custom', path: [parameter], message })
    const [table] = options.table
    if (table !== undefined) refuseTable(table, context)
    else missing('table', 'give table ("name" or "database.name"), or querySql')
    if (options.column.length === 0) missing('column', 'give ["*"], or a list of columns or SQL expressions')
  },
  whenSound('table', 'column', 'querySql'),
)
export type MysqlReaderOptions = z.infer<typeof MysqlReaderOptions>
