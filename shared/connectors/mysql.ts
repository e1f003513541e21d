import { defineReader, defineWriter } from './contract.ts'
import { openMysqlSource } from './mysql/mysql-source.ts'
import { openMysqlTarget } from './mysql/mysql-target.ts'
import { parseTable, printTableName, unquoted } from './mysql/names.ts'
import { MysqlReaderOptions, mysqlReaderIgnored } from './mysql/reader-options.ts'
import { MysqlWriterOptions, mysqlWriterIgnored } from './mysql/writer-options.ts'

const about = {
  kind: 'mysql',
  title: 'MySQL',
  connection: 'mysql',
  remarks: null,
  ledger: null,
} as const

/** DataWorks names its relatives apart; all of them speak the same protocol (dataworks-datax.md §3.1, §3.4). */
const names = ['mariadb', 'polardb', 'apsaradb_for_mysql']

export const reader = defineReader({
  ...about,
  aliases: ['mysqlreader', 'polardbreader', ...names],
  role: 'reader',
  options: MysqlReaderOptions,
  ignored: mysqlReaderIgnored,
  // A second read may give other rows or another order.
  repeatable: false,
  forObject: null,
  incremental: ({ incremental, table, connection }) => {
    if (incremental === undefined) return null
    const name = printTableName(parseTable(table[0] ?? ''))
    const column = unquoted(incremental.column).toLowerCase()
    return { source: `${connection.database}: ${name}.${column}`, from: incremental.from ?? null }
  },
  open: async (options, context) => openMysqlSource(options, context),
})

export const writer = defineWriter({
  ...about,
  aliases: ['mysqlwriter', 'polardbwriter', ...names],
  role: 'writer',
  options: MysqlWriterOptions,
  ignored: mysqlWriterIgnored,
  oncePerRun: null,
  open: async (options, context) => openMysqlTarget(options, context),
})
