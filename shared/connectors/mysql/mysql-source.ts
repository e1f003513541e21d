import { copyText, type Encoding } from '../../codecs/encoding.ts'
import type { RawRecord } from '../../codecs/records.ts'
import { TransferError } from '../../errors/index.ts'
import { runAuthorSql } from '../../load/author-sql.ts'
import type { RecordReason } from '../../load/record-error.ts'
import type { MysqlSession } from '../../ports/index.ts'
import type { Column } from '../../schema/index.ts'
import type { ConnectorContext, OnRefused, Slice, Source } from '../contract.ts'
import { withoutSemicolon } from '../sql/query-text.ts'
import { asSourceError, blamingSource } from '../sql/source-errors.ts'
import { openCopyRows } from './copy-rows.ts'
import { typeNameOf } from './field-types.ts'
import { askMysqlIncrement } from './increment.ts'
import { parseTable, printTableName } from './names.ts'
import type { MysqlReaderOptions } from './reader-options.ts'
import { floatsOf, type MysqlSelected, predicateOf, selectText } from './select-text.ts'
import { cutMysqlSmaller, splitMysql } from './split-mysql.ts'
import { lookUpMysqlTable, mysqlColumnMissing } from './table-lookup.ts'

const lineFeed = 0x0a

type Refuse = (record: RawRecord, reason: RecordReason) => Promise<void>

interface Reading {
  readonly onRefused: Refuse
  readonly lent: boolean
}

/** Connects when first asked. Each slice is read in a session of its own, as several may be read side by side. */
export function openMysqlSource(options: MysqlReaderOptions, context: ConnectorContext): Source {
  const query = options.querySql[0] === undefined ? null : withoutSemicolon(options.querySql[0])
  const name = query === null ? parseTable(options.table[0] ?? '') : null
  const where = options.where === undefined ? null : withoutSemicolon(options.where)
  let found: Promise<MysqlSelected> | null = null

  /** Not kept for the next question: an idle session would hold a slot of a capped datasource. */
  const asking = <T>(ask: (sql: MysqlSession) => Promise<T>) =>
    blamingSource(async () => {
      await using sql = await connect()
      return await ask(sql)
    })
  const select = (sql: MysqlSession) => {
    found ??= selected(sql)
    return found
  }

  return {
    columns: () => asking(async (sql) => await columnsOf(sql, await select(sql))),
    split: (want) => asking(async (sql) => await splitMysql(sql, await select(sql), options.splitPk ?? null, want)),
    offer: () => copyText,
    async read(slice, encoding, signal, { onRefused = failOnRefused, lent = false } = {}) {
      const origin = { name: name === null ? 'querySql' : printTableName(name), start: 0, firstRecord: 1 }
      const { maxRecordBytes } = options
      const refuse: Refuse = (record, reason) => onRefused(record, reason, origin)
      return {
        encoding: onlyText(encoding),
        newline: lineFeed,
        maxRecordBytes,
        origin,
        body: readSlice(slice, signal, { onRefused: refuse, lent }),
      }
    },
    async describe(slice) {
      return { statement: selectText(await (found ?? asking(select)), predicateOf(slice)) }
    },
    projection: null,
    // Its `column` and `querySql` already name what is wanted, in any order.
    pick: null,
    isNamed: false,
    askIncrement: (low) =>
      asking(async (sql) => {
        if (options.incremental === undefined) throw new TransferError('internal/bug', 'the job is not incremental')
        const how = { option: options.incremental, zone: options.connection.timeZone }
        return await askMysqlIncrement(sql, await select(sql), how, low)
      }),
    rest: null,
    guesses: null,
    first: null,
    join: null,
    cutSmaller: (slice) =>
      asking(async (sql) => await cutMysqlSmaller(sql, await select(sql), options.splitPk ?? null, slice)),
    // A snapshot belongs to one session, and no other can be told to see it.
    holdSnapshot: null,
    async [Symbol.asyncDispose]() {},
  }

  async function connect(): Promise<MysqlSession> {
    const sql = await context.connectMysql(options.connection)
    await runAuthorSql('session', options.session, (statement) => sql.run(withoutSemicolon(statement)))
    return sql
  }

  async function selected(sql: MysqlSession): Promise<MysqlSelected> {
    if (name === null) return { from: 'query', query: query ?? '' }
    const table = await lookUpMysqlTable(sql, name, 'source')
    const [only] = options.column
    const columns = only?.trim() === '*' && options.column.length === 1 ? null : options.column
    return { from: 'table', table, columns, where }
  }

  async function* readSlice(
    slice: Slice,
    signal: AbortSignal,
    { onRefused, lent }: Reading,
  ): AsyncGenerator<Uint8Array> {
    const predicate = predicateOf(slice)
    const sql = await connect().catch((error: unknown) => Promise.reject(asSourceError(error)))
    try {
      const from = await select(sql)
      const { timeZone, zeroDates } = options.connection
      const copying = { timeZone, zeroDates, maxRecordBytes: options.maxRecordBytes, floats: floatsOf(from), lent }
      await sql.run('start transaction with consistent snapshot, read only')
      for await (const { bytes, refused } of sql.stream(
        selectText(from, predicate),
        (fields) => openCopyRows(fields, copying),
        signal,
      )) {
        for (const { record, reason } of refused) await onRefused(record, reason)
        if (bytes.length > 0) yield bytes
      }
      await sql.run('commit')
    } catch (error) {
      throw asSourceError(error)
    } finally {
      await sql[Symbol.asyncDispose]()
    }
  }
}

/** Rows become COPY text and nothing else: `offer` says so. @throws internal/bug */
function onlyText(encoding: Encoding): Encoding {
  if (encoding.format === 'text' && encoding.delimiter === '\t' && encoding.null === '\\N') return encoding
  throw new TransferError('internal/bug', `rows of MySQL cannot be had as ${encoding.format}`)
}

const failOnRefused: OnRefused = (_, { code, message, column }) =>
  Promise.reject(new TransferError(code, message, { column }))

async function columnsOf(sql: MysqlSession, selected: MysqlSelected): Promise<readonly Column[]> {
  if (selected.from === 'table' && selected.columns === null)
    return selected.table.columns.map(({ name, type, nullable }) => ({ name, type, nullable }))
  try {
    const fields = await sql.describe(selectText(selected))
    return fields.map((field) => ({ name: field.name, type: typeNameOf(field), nullable: true }))
  } catch (error) {
    throw selected.from === 'table' ? namingColumns(error, selected) : error
  }
}

/** The server says which column is missing; we add those there are. */
function namingColumns(error: unknown, { table }: Extract<MysqlSelected, { from: 'table' }>): unknown {
  if (!(error instanceof TransferError) || error.code !== 'target/column-missing') return error
  const missing = /column '([^']*)'/.exec(error.message)?.[1] ?? 'of this name'
  const better = mysqlColumnMissing(table, missing, 'source')
  return new TransferError(better.code, better.message, { ...error.context, ...better.context }, { cause: error.cause })
}
