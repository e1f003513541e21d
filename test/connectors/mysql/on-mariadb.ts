import { setMaxListeners } from 'node:events'
import { afterAll, beforeAll } from 'vitest'
import { copyText } from '../../../shared/codecs/encoding.ts'
import type { ConnectorContext, RowTarget, Slice, Source } from '../../../shared/connectors/contract.ts'
import { reader, writer } from '../../../shared/connectors/mysql.ts'
import { asTransferError } from '../../../shared/errors/index.ts'
import { copyFromStatement } from '../../../shared/load/copy-statement.ts'
import { connectMysql } from '../../../shared/mysql/session.ts'
import type { MysqlConnection, SqlSession } from '../../../shared/ports/index.ts'
import { describeDirty, type Found } from '../../../shared/run/dirty.ts'
import { startTestServer, type TestServer } from '../../contract/postgres-server.ts'
import { forCopy } from '../../support/for-copy.ts'
import type { TestMariadb } from '../../support/mariadb.ts'
import { testSecrets } from '../../support/postgres.ts'

export type OnMariadb = ReturnType<typeof onMariadb>

/** What the files about the connector share: one MariaDB, a PostgreSQL that judges values, and ways to read and write. */
export function onMariadb(server: TestMariadb) {
  let postgres: TestServer
  let oracle: SqlSession
  beforeAll(async () => {
    postgres = await startTestServer()
    oracle = await postgres.connect()
  })
  afterAll(async () => {
    await oracle[Symbol.asyncDispose]()
    await postgres.close()
  })

  const never = new AbortController().signal
  setMaxListeners(0, never)
  const contextOf = (signal: AbortSignal): ConnectorContext => ({
    openStore: () => Promise.reject(new Error('no store here')),
    connectSql: (connection) => postgres.connect(connection, signal),
    connectMysql: (connection) => connectMysql(connection, { secrets: testSecrets, signal, log: postgres.log }),
    log: postgres.log,
    signal,
  })
  const query = async (text: string, values: unknown[] = []) => (await server.session.query(text, values))[0]

  const open = (parameters: Record<string, unknown>, connection: Partial<MysqlConnection> = {}): Promise<Source> =>
    reader.open(
      reader.options.parse({ connection: { ...server.connection, ...connection }, column: ['*'], ...parameters }),
      contextOf(never),
    )

  async function textOf(source: Source, slice: Slice = { by: 'whole' }): Promise<string> {
    const { body } = await source.read(slice, copyText, never)
    const pieces: Uint8Array[] = []
    for await (const piece of body) pieces.push(Buffer.from(piece))
    return Buffer.concat(pieces).toString()
  }
  const failure = (work: Promise<unknown>) => work.then(() => null, asTransferError)

  /** The values of one column as PostgreSQL takes them for a type, printed as text. */
  async function asPostgres(parameters: Record<string, unknown>, type: string, connection = {}) {
    await using source = await open(parameters, connection)
    await oracle.query('drop table if exists taken')
    await oracle.query(`create table taken (n serial, value ${type})`)
    const { body, encoding } = await source.read({ by: 'whole' }, copyText, never)
    await oracle.copyIn(copyFromStatement({ schema: null, table: 'taken' }, ['value'], forCopy(encoding)), body)
    const { rows } = await oracle.query<{ value: string | null }>('select value::text from taken order by n')
    return rows.map((row) => row.value)
  }

  /** A column of the type with these values, in order. */
  async function column(type: string, values: readonly unknown[]): Promise<Record<string, unknown>> {
    await query("set sql_mode = 'ALLOW_INVALID_DATES'")
    await query("set time_zone = '+00:00'")
    await query(`create or replace table typed (n int primary key auto_increment, value ${type}) character set utf8mb4`)
    for (const value of values) await query('insert into typed (value) values (?)', [value])
    await query('set sql_mode = default')
    return { table: 'typed', column: ['value'] }
  }

  async function readDirty(parameters: Record<string, unknown>, connection: Partial<MysqlConnection> = {}) {
    await using source = await open(parameters, connection)
    const records: Found[] = []
    const { body } = await source.read({ by: 'whole' }, copyText, never, {
      onRefused: async (record, reason, origin) => void records.push(describeDirty(record, reason, origin)),
    })
    const pieces: Uint8Array[] = []
    for await (const piece of body) pieces.push(piece)
    return { records, text: Buffer.concat(pieces).toString() }
  }

  const openWriter = async (parameters: Record<string, unknown>, connection: Partial<MysqlConnection> = {}) =>
    (await writer.open(
      writer.options.parse({ connection: { ...server.connection, ...connection }, column: ['*'], ...parameters }),
      contextOf(never),
    )) as RowTarget

  let chunks = 0
  /** Loads lines of COPY text as one chunk. @returns what `put` counted */
  async function load(parameters: Record<string, unknown>, text: string | Buffer, connection = {}) {
    await using target = await openWriter(parameters, connection)
    await target.prepare()
    chunks += 1
    await using chunk = await target.openChunk({ runId: 'load', ordinal: chunks, part: 0 })
    const counts = await chunk.put(
      (async function* () {
        yield Buffer.from(text)
      })(),
    )
    await chunk.commit('{}')
    return counts
  }
  const texts = async (sql: string) =>
    (await server.session.query({ sql, rowsAsArray: true, typeCast: (field) => field.string() }))[0] as (
      | string
      | null
    )[][]

  return {
    server,
    never,
    postgres: () => postgres,
    ...{ contextOf, query, open, textOf, failure },
    ...{ asPostgres, column, readDirty },
    ...{ openWriter, load, texts },
  }
}
