import { copyText } from '../../codecs/encoding.ts'
import { copyRefusal } from '../../load/copy-rules.ts'
import type { Sql } from '../../ports/index.ts'
import { type Column, quoteTable, type TableName } from '../../schema/index.ts'
import type { ConnectorContext, CopyTarget } from '../contract.ts'
import { readMergeFacts } from './merge-facts.ts'
import { readPublicationFacts } from './publication-facts.ts'
import { lookUpTable, pickColumns, type TableColumn } from './table-lookup.ts'
import { parseTableName } from './table-name.ts'
import { conflictOf, overwriteOf, type WriterOptions } from './writer-options.ts'
import { refuseUnwritable } from './written-place.ts'

export function openPostgresTarget(options: WriterOptions, context: ConnectorContext): CopyTarget {
  const table = parseTableName(options.table, options.schema, options.addQuote)
  const overwrite = overwriteOf(options)
  const writtenBy = conflictOf(options)?.on ?? (options.atomic || overwrite !== null ? 'append' : 'copy')
  return {
    kind: 'copy',
    connection: options.connection,
    table,
    columns: (session) => (session === undefined ? columnsInOwnSession() : columnsIn(session)),
    refuses: copyRefusal,
    preferred: copyText,
    preSql: options.preSql.map((statement) => naming(statement, table)),
    postSql: options.postSql.map((statement) => naming(statement, table)),
    conflict: conflictOf(options),
    mergeFacts: (session) => readMergeFacts(session, table),
    publication:
      options.atomic || overwrite !== null
        ? { overwrite, facts: (session) => readPublicationFacts(session, table, overwrite) }
        : null,
    async [Symbol.asyncDispose]() {},
  }

  async function columnsInOwnSession(): Promise<readonly Column[]> {
    await using session = await context.connectSql(options.connection)
    return await columnsIn(session)
  }

  async function columnsIn(sql: Sql): Promise<readonly Column[]> {
    const found = await lookUpTable(sql, table, 'target')
    await refuseUnwritable(sql, found, writtenBy)
    const all = options.column.length === 1 && options.column[0]?.trim() === '*'
    // COPY refuses to write a generated column, so `*` means the others.
    const picked = all
      ? found.columns.filter((column) => !column.generated)
      : pickColumns(found, options.column, 'target')
    return picked.map(({ name, type, nullable }: TableColumn) => ({ name, type, nullable }))
  }
}

/** DataX puts the table's name in place of `@table`; with its schema it means the same table on any search path. */
const naming = (statement: string, table: TableName) => statement.replaceAll('@table', () => quoteTable(table))
