import { type CopyEncoding, copyText } from '../../codecs/encoding.ts'
import { TransferError } from '../../errors/index.ts'
import { runAuthorSql } from '../../load/author-sql.ts'
import type { MysqlSession } from '../../ports/index.ts'
import type { ChunkClaim, ConnectorContext, Decision, RowTarget, RowTransaction } from '../contract.ts'
import { withoutSemicolon } from '../sql/query-text.ts'
import { type Claim, claimChunk, ensureClaims, forgetClaims, keepCounts } from './chunk-claims.ts'
import { insertRows, statementParts } from './insert-rows.ts'
import { type MysqlTableName, parseTable, printTableName, quoteTableName } from './names.ts'
import {
  columnOf,
  type FoundMysqlTable,
  lookUpMysqlTable,
  type MysqlColumn,
  mysqlColumnMissing,
} from './table-lookup.ts'
import type { MysqlWriterOptions } from './writer-options.ts'

/*
 * Values that do not fit are errors, never made to fit, and 0 in an AUTO_INCREMENT column is 0. NO_BACKSLASH_ESCAPES and
 * ANSI_QUOTES are off, as our statements count on it.
 */
const strictMode =
  "set sql_mode = 'STRICT_ALL_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION,NO_AUTO_VALUE_ON_ZERO'"

export function openMysqlTarget(options: MysqlWriterOptions, context: ConnectorContext): RowTarget {
  const name = parseTable(options.table)
  const connect = () => context.connectMysql(options.connection)
  let looked: Promise<FoundMysqlTable> | null = null

  /** Once per target: a load asks several times. */
  const lookUp = (sql?: MysqlSession) => {
    looked ??=
      sql === undefined
        ? inOwnSession((own) => lookUpMysqlTable(own, name, 'target'))
        : lookUpMysqlTable(sql, name, 'target')
    return looked
  }

  async function inOwnSession<T>(work: (sql: MysqlSession) => Promise<T>): Promise<T> {
    await using sql = await connect()
    return await work(sql)
  }

  /** In the mode of the server, as the author knows it. */
  const runAll = (sql: MysqlSession, list: 'preSql' | 'postSql') =>
    runAuthorSql(list, options[list], (statement) => sql.run(named(statement)))

  const named = (statement: string) => naming(withoutSemicolon(statement), name)

  const insertOf = (table: FoundMysqlTable) => ({
    table,
    columns: pickMysqlColumns(table, options),
    mode: options.writeMode,
    update: options.updateColumn.map((column) => pickColumn(table, column).name),
  })

  return {
    kind: 'rows',
    preferred: copyText,
    columns: async () =>
      pickMysqlColumns(await lookUp(), options).map(({ name: column, type, nullable }) => ({
        name: column,
        type,
        nullable,
      })),
    refuses: rowsRefusal,
    promise: () =>
      inOwnSession(async (sql) => {
        const table = await lookUp(sql)
        await refuseReadOnlyView(sql, table)
        return promiseOf(table, await isTransactional(sql, table))
      }),
    async statements() {
      const { before, after } = statementParts(insertOf(await lookUp()))
      return { before: options.preSql.map(named), chunk: [`${before}(…)${after}`], after: options.postSql.map(named) }
    },
    prepare: () =>
      inOwnSession(async (sql) => {
        const { database } = await lookUp(sql)
        const remembers = await ensureClaims(sql, database)
        if (!remembers) context.log.warn(`${database} has no table adbpg_sync_chunk, and this account may not make it`)
        await runAll(sql, 'preSql')
      }),
    publish: () => inOwnSession((sql) => runAll(sql, 'postSql')),
    forget: (runId) => inOwnSession(async (sql) => forgetClaims(sql, (await lookUp(sql)).database, runId)),
    async openChunk(chunk) {
      const sql = await connect()
      try {
        await runAuthorSql('session', options.session, (statement) => sql.run(withoutSemicolon(statement)))
        await sql.run(strictMode)
        return await beginChunk(sql, await lookUp(sql), chunk)
      } catch (error) {
        await sql[Symbol.asyncDispose]()
        throw error
      }
    },
    async [Symbol.asyncDispose]() {},
  }

  async function beginChunk(sql: MysqlSession, table: FoundMysqlTable, chunk: ChunkClaim): Promise<RowTransaction> {
    const [settings] = await sql.query('select @@max_allowed_packet as bytes')
    const isAtomic = await isTransactional(sql, table)
    await sql.run('start transaction')
    const claim = await claimChunk(sql, table.database, chunk)
    return transactionOn(sql, table.database, chunk, claim, {
      isAtomic,
      put: insertRows(sql, {
        ...insertOf(table),
        timeZone: options.connection.timeZone,
        batchSize: isAtomic ? options.batchSize : 1,
        maxPacketBytes: Number(settings?.bytes ?? 1024 * 1024),
      }),
    })
  }
}

function transactionOn(
  sql: MysqlSession,
  database: string,
  chunk: ChunkClaim,
  claim: Claim,
  { isAtomic, put }: Pick<RowTransaction, 'isAtomic' | 'put'>,
): RowTransaction {
  let savepoints = 0
  return {
    before: typeof claim === 'string' ? null : claim.before,
    isAtomic,
    put,
    async savepoint(work) {
      savepoints += 1
      const name = `s${savepoints}`
      await sql.run(`savepoint ${name}`)
      let value: Awaited<ReturnType<typeof work>>
      try {
        value = await work()
      } catch (error) {
        // The first error is the one to tell; where the transaction is gone with it, the chunk cannot go on anyway.
        await sql.run(`rollback to savepoint ${name}`).catch(() => undefined)
        throw error
      }
      await sql.run(`release savepoint ${name}`)
      return value
    },
    async commit(counts) {
      if (claim === 'claimed') await keepCounts(sql, database, chunk, counts)
      await sql.run('commit')
    },
    // What was not committed is rolled back by the server.
    [Symbol.asyncDispose]: () => sql[Symbol.asyncDispose](),
  }
}

/** DataX puts the table's name in place of `@table`. */
const naming = (statement: string, table: MysqlTableName) => statement.replaceAll('@table', () => quoteTableName(table))

function rowsRefusal({ format, delimiter, null: nullText, charset }: CopyEncoding): string | null {
  const isCopyText = format === 'text' && delimiter === '\t' && nullText === '\\N' && charset === 'utf-8'
  return isCopyText ? null : 'rows are read from COPY text in UTF-8'
}

/** @throws target/column-missing; job/invalid for one named twice */
function pickMysqlColumns(table: FoundMysqlTable, { column }: MysqlWriterOptions): MysqlColumn[] {
  if (column.length === 1 && column[0]?.trim() === '*') return table.columns.filter((one) => !one.generated)
  const picked = column.map((name) => pickColumn(table, name))
  const twice = picked.find((one, index) => picked.indexOf(one) !== index)
  if (twice === undefined) return picked
  throw new TransferError('job/invalid', `column ${twice.name} is named twice`, { parameter: 'column' })
}

function pickColumn(table: FoundMysqlTable, name: string): MysqlColumn {
  const found = columnOf(table, name)
  if (found === undefined) throw mysqlColumnMissing(table, name, 'target')
  return found
}

/** Before a row is sent, not when the first chunk fails. @throws job/unsupported */
async function refuseReadOnlyView(sql: MysqlSession, { database, table, engine }: FoundMysqlTable): Promise<void> {
  if (engine !== null) return
  const [found] = await sql.query(
    'select is_updatable as found from information_schema.views where table_schema = ? and table_name = ?',
    [database, table],
  )
  if (found?.found !== 'NO') return
  const message = `${printTableName({ database, table })} is a view that takes no rows; name the table beneath it`
  throw new TransferError('job/unsupported', message, { parameter: 'table' })
}

/** Views go by the engine of their tables, which is looked at by nobody: they count as transactional. */
async function isTransactional(sql: MysqlSession, { engine }: FoundMysqlTable): Promise<boolean> {
  if (engine === null) return true
  const [found] = await sql.query('select transactions as found from information_schema.engines where engine = ?', [
    engine,
  ])
  return found?.found === 'YES'
}

function promiseOf(table: FoundMysqlTable, transactional: boolean): Decision {
  const what = `rows of a chunk are in ${printTableName(table)}`
  if (!transactional)
    return { what: `${what} at least once, one by one`, why: `its engine ${table.engine} has no transactions` }
  const why = `a row of ${table.database}.adbpg_sync_chunk commits with them; without that table, a crash at the wrong moment repeats them`
  return { what: `${what} exactly once`, why }
}
