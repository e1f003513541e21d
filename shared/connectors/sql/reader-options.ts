import type * as z from 'zod'
import { PostgresConnectionOption } from '../options/connections.ts'
import {
  flag,
  optionalText,
  parameters,
  recordBytes,
  texts,
  unsupportedIssue,
  wizardLeavings,
} from '../options/fields.ts'

export const readerIgnored: Readonly<Record<string, string>> = {
  ...wizardLeavings,
  fetchSize: 'rows are streamed by COPY, not fetched',
  splitFactor: 'the number of slices follows the size of the table',
  socketTimeout: 'the time limit of the function ends a read',
  useReadOnly: 'name the read-only address in the datasource',
  encoding: 'the server converts to UTF-8',
  mandatoryEncoding: 'the server converts to UTF-8',
}

/** One table per reader; DataX also takes `connection[].table` with several. */
const oneTable = texts().superRefine((tables, context) => {
  if (tables.length <= 1) return
  const message = `one table per job for now, got ${tables.length}; make a job of each`
  context.addIssue({ code: 'custom', message, params: unsupportedIssue })
})

/** dataworks-datax.md §3.2 (reader `adbpg`) and §3.3. `querySql` overrides table, column, where and splitPk. */
export const ReaderOptions = parameters(
  {
    connection: PostgresConnectionOption,
    schema: optionalText(),
    table: oneTable,
    /** `["*"]`, or SQL expressions. */
    column: texts(),
    where: optionalText(),
    querySql: texts().refine((queries) => queries.length <= 1, 'one statement per job for now; make a job of each'),
    splitPk: optionalText(),
    addQuote: flag(false),
    maxRecordBytes: recordBytes(),
  },
  readerIgnored,
).superRefine((options, context) => {
  if (options.querySql.length > 0) return
  const missing = (parameter: 'table' | 'column', message: string) =>
    context.addIssue({ code: 'custom', path: [parameter], message })
  if (options.table.length === 0) missing('table', 'give table ("schema.table"), or querySql')
  if (options.column.length === 0) missing('column', 'give ["*"], or a list of columns or SQL expressions')
})
export type ReaderOptions = z.infer<typeof ReaderOptions>
