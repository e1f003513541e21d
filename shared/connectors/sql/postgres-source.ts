import type { CopyEncoding, Encoding } from '../../codecs/encoding.ts'
import { TransferError } from '../../errors/index.ts'
import { copyRefusal } from '../../load/copy-rules.ts'
import { copyToStatement } from '../../load/copy-statement.ts'
import { matchDecision, matchNames } from '../../plan/match-names.ts'
import type { Sql, SqlSession } from '../../ports/index.ts'
import { type Column, quoteLiteral } from '../../schema/index.ts'
import type { ConnectorContext, Slice, Source, WantedColumns } from '../contract.ts'
import * as catalog from './catalog.sql.ts'
import { describeQuery } from './describe-query.ts'
import { askPostgresIncrement } from './increment.ts'
import { predicateOf, type Selected, selectText, withoutSemicolon } from './query-text.ts'
import type { ReaderOptions } from './reader-options.ts'
import { asSourceError, blamingSource } from './source-errors.ts'
import { cutSmaller, splitSelected } from './split-table.ts'
import { columnMissing, type FoundTable, lookUpTable } from './table-lookup.ts'
import { parseTableName, printTable } from './table-name.ts'

const lineFeed = 0x0a

/** Connects when first asked. Each slice is read in a session of its own, as several may be read side by side. */
export function openPostgresSource(
  options: ReaderOptions,
  context: ConnectorContext,
  wanted: WantedColumns | null = null,
): Source {
  const query = options.querySql[0] === undefined ? null : withoutSemicolon(options.querySql[0])
  const name = query === null ? parseTableName(options.table[0] ?? '', options.schema, options.addQuote) : null
  const where = options.where === undefined ? null : withoutSemicolon(options.where)
  /** The destination is asked for its columns first: it may be the same database, which may allow one session. */
  const connect = async () => {
    await wanted?.()
    return await context.connectSql(options.connection)
  }
  let found: Promise<Selected> | null = null
  let described: Promise<readonly Column[]> | null = null

  /** Not kept for the next question: an idle session would hold a slot of a capped datasource. */
  const asking = <T>(ask: (sql: Sql) => Promise<T>) =>
    blamingSource(async () => {
      await using sql = await connect()
      return await ask(sql)
    })
  const select = (sql: Sql) => {
    found ??= selected(sql)
    return found
  }

  return {
    columns() {
      described ??= asking(async (sql) => await columnsOf(sql, await select(sql)))
      return described
    },
    split: (want) =>
      asking(async (sql) => {
        const chosen = await select(sql)
        const split = await splitSelected(sql, chosen, options.splitPk ?? null, want)
        if (chosen.picked === null) return split
        const { columns, unused } = chosen.picked
        const decision = matchDecision(
          columns.map(({ name: column }) => column),
          unused,
        )
        return { ...split, decisions: [...split.decisions, decision] }
      }),
    offer: (preferred) => (copyRefusal(preferred) === null ? preferred : { ...preferred, charset: 'utf-8' }),
    async read(slice, encoding, signal, { lent = false } = {}) {
      const origin = { name: name === null ? 'querySql' : printTable(name), start: 0, firstRecord: 1 }
      const { maxRecordBytes } = options
      return { encoding, newline: lineFeed, maxRecordBytes, origin, body: readSlice(slice, encoding, signal, lent) }
    },
    async describe(slice, encoding) {
      const chosen = await (found ?? asking(select))
      return { statement: copyToStatement(selectText(chosen, predicateOf(slice)), forCopy(encoding)) }
    },
    projection: null,
    pick: wanted === null ? (columns) => openPostgresSource(options, context, columns) : null,
    isNamed: false,
    askIncrement: (low) =>
      asking(async (sql) => {
        if (options.incremental === undefined) throw new TransferError('internal/bug', 'the job is not incremental')
        return await askPostgresIncrement(sql, await select(sql), options.incremental, low)
      }),
    rest: null,
    guesses: null,
    first: null,
    join: null,
    cutSmaller: (slice) =>
      asking(async (sql) => await cutSmaller(sql, await select(sql), options.splitPk ?? null, slice)),
    // It stays until the last slice is read, so one slot must be left for reading; where there is but one, none is held.
    holdSnapshot: async () =>
      options.connection.maxConnections === 1
        ? null
        : await blamingSource(() => holdSnapshot(() => context.connectSql(options.connection, 1))),
    async [Symbol.asyncDispose]() {},
  }

  async function selected(sql: Sql): Promise<Selected> {
    const all = await selectedWhole(sql)
    if (wanted === null) return all
    const columns = await columnsOf(sql, all)
    const match = matchNames(
      await wanted(),
      columns.map((column) => column.name),
    )
    if ('refusal' in match) {
      const where = name === null ? 'querySql' : printTable(name)
      throw new TransferError('source/column-missing', `${where}: ${match.refusal}`, { column: match.column })
    }
    const picked = match.positions.map((position) => columns[position]).filter((column) => column !== undefined)
    return { ...all, picked: { columns: picked, unused: match.unused } }
  }

  async function selectedWhole(sql: Sql): Promise<Selected> {
    if (name === null) return { from: 'query', query: query ?? '', picked: null }
    const table = await lookUpTable(sql, name, 'source')
    const [only] = options.column
    const columns = only?.trim() === '*' && options.column.length === 1 ? null : options.column
    return { from: 'table', table, columns, where, picked: null }
  }

  async function* readSlice(
    slice: Slice,
    encoding: Encoding,
    signal: AbortSignal,
    lent: boolean,
  ): AsyncGenerator<Uint8Array> {
    const predicate = predicateOf(slice)
    const sql = await connect()
    try {
      const text = selectText(await select(sql), predicate)
      await sql.query(catalog.beginReading)
      if (typeof slice.snapshot === 'string') await useSnapshot(sql, slice.snapshot)
      yield* sql.copyOut(copyToStatement(text, forCopy(encoding)), signal, { lent })
      await sql.query(catalog.endReading)
    } catch (error) {
      throw asSourceError(error)
    } finally {
      await sql[Symbol.asyncDispose]()
    }
  }
}

/** `offer` has chosen it. @throws internal/bug */
function forCopy(encoding: Encoding): CopyEncoding {
  if (encoding.format !== 'jsonl') return encoding
  throw new TransferError('internal/bug', 'COPY gives no JSON Lines')
}

async function columnsOf(sql: Sql, selected: Selected): Promise<readonly Column[]> {
  if (selected.picked !== null) return selected.picked.columns
  if (selected.from === 'table' && selected.columns === null) {
    return selected.table.columns.map(({ name, type, nullable }) => ({ name, type, nullable }))
  }
  try {
    return await describeQuery(sql, selectText(selected))
  } catch (error) {
    throw selected.from === 'table' ? namingColumns(error, selected.table) : error
  }
}

/** The server says which column is missing; we add those there are. */
function namingColumns(error: unknown, table: FoundTable): unknown {
  if (!(error instanceof TransferError) || error.context.sqlstate !== '42703') return error
  const missing = /column "?([^"\s]+)"?/.exec(error.message)?.[1] ?? 'of this name'
  const better = columnMissing(table, missing, 'source')
  return new TransferError(better.code, better.message, { ...error.context, ...better.context }, { cause: error.cause })
}

async function useSnapshot(sql: Sql, token: string): Promise<void> {
  try {
    await sql.query(`set transaction snapshot ${quoteLiteral(token).trim()}`)
  } catch (error) {
    if (!(error instanceof TransferError) || error.context.sqlstate === undefined) throw error
    const message = 'the snapshot of the export is gone: the session that held it has ended'
    throw new TransferError('run/snapshot-lost', message, error.context, { cause: error })
  }
}

/** @returns null when this server does not export snapshots (stock Greenplum before 6.21, adbpg-and-peers.md A0) */
async function holdSnapshot(
  connect: () => Promise<SqlSession>,
): Promise<({ readonly token: string } & AsyncDisposable) | null> {
  const sql = await connect()
  try {
    await sql.query(catalog.disableIdleTimeout)
    await sql.query(catalog.beginReading)
    const { rows } = await sql.query<{ token: string }>(catalog.exportSnapshot)
    const token = rows[0]?.token
    if (token !== undefined) return { token, [Symbol.asyncDispose]: () => sql[Symbol.asyncDispose]() }
  } catch (error) {
    await sql[Symbol.asyncDispose]()
    if (isRefused(error)) return null
    throw error
  }
  await sql[Symbol.asyncDispose]()
  return null
}

/** Undefined function, feature not supported, wrong state: the server does not do it. Anything else may pass. */
function isRefused(error: unknown): boolean {
  const state = error instanceof TransferError ? error.context.sqlstate : undefined
  return typeof state === 'string' && /^(42|0A|25|55|XX)/.test(state)
}
