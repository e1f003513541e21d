import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import { openOssStore } from '../../shared/aliyun/oss-store.ts'
import { copyText } from '../../shared/codecs/encoding.ts'
import type { ConnectorContext, Slice, Source } from '../../shared/connectors/contract.ts'
import { reader } from '../../shared/connectors/oss.ts'
import { copyFromStatement } from '../../shared/load/copy-statement.ts'
import type { ObjectStore, OssConnection, SqlSession } from '../../shared/ports/index.ts'
import { startTestServer, type TestServer } from '../contract/postgres-server.ts'
import { keptLog } from './log.ts'
import { ossKeys, ossRegion, startTestOss, type TestOss } from './oss.ts'

/** An OSS with Parquet files, DuckDB to write and judge them, and a PostgreSQL that takes what the reader gives. */
export interface ParquetLab extends AsyncDisposable {
  readonly store: ObjectStore
  readonly postgres: TestServer
  readonly sql: SqlSession
  readonly duck: DuckDBConnection
  readonly connection: OssConnection
  context(): ConnectorContext
  /** Writes `query` as Parquet by DuckDB and puts it into the bucket. */
  putQuery(key: string, query: string, options?: string): Promise<void>
  /** The texts that DuckDB gives for a query, as CSV without a header. */
  csvOf(query: string): Promise<Buffer>
  open(options: Record<string, unknown>, context?: ConnectorContext): Promise<Source>
  slicesOf(source: Source, targetBytes?: number): Promise<Slice[]>
  textOf(source: Source, slices: readonly Slice[]): Promise<string>
  /** A few of the rows that only one of two tables has. */
  differing(one: string, other: string): Promise<unknown[]>
  /** Makes the table of the source's columns and loads all slices. */
  load(table: string, source: Source, slices: readonly Slice[]): Promise<void>
}

const never = new AbortController().signal

export async function openParquetLab(dataDir: string): Promise<ParquetLab> {
  const oss: TestOss = await startTestOss(dataDir)
  await oss.server.createBucket('data-bucket')
  const store = await oss.openStore('data-bucket')
  const postgres = await startTestServer()
  const sql = await postgres.connect()
  const instance = await DuckDBInstance.create(':memory:', { threads: '1' })
  const duck = await instance.connect()
  const connection: OssConnection = {
    kind: 'oss',
    endpoint: oss.server.endpoint,
    region: ossRegion,
    bucket: 'data-bucket',
    credentials: { accessKeyId: ossKeys.accessKeyId, accessKeySecret: 'env:SECRET' },
  }
  const log = keptLog()
  const context = (): ConnectorContext => ({
    openStore: (to) => openOssStore(to, { log, credentials: async () => ossKeys }),
    connectSql: () => Promise.reject(new Error('no database here')),
    connectMysql: () => Promise.reject(new Error('no MySQL here')),
    log,
    signal: never,
  })
  const written = async (query: string, options: string) => {
    const path = join(dataDir, 'written')
    await duck.run(`copy (${query}) to '${path}' (${options})`)
    const bytes = await readFile(path)
    await rm(path)
    return bytes
  }
  const lab: ParquetLab = {
    ...{ store, postgres, sql, duck, connection, context },
    putQuery: async (key, query, options = 'compression snappy') =>
      void (await store.put(key, await written(query, `format parquet, ${options}`))),
    csvOf: (query) => written(query, 'format csv, header false'),
    open: (options, given = context()) =>
      reader.open(reader.options.parse({ connection, fileFormat: 'parquet', ...options }), given),
    async slicesOf(source, targetBytes = 1024 ** 3) {
      const { slices } = await source.split({ concurrent: 1, targetBytes, arrived: null, increment: null })
      return slices.map(({ slice }) => JSON.parse(JSON.stringify(slice)) as Slice)
    },
    async textOf(source, slices) {
      const pieces: Uint8Array[] = []
      for await (const piece of bytesOf(source, slices)) pieces.push(piece)
      return Buffer.concat(pieces).toString()
    },
    async load(table, source, slices) {
      const columns = (await source.columns()) ?? []
      const list = columns.map(({ name, type }) => `"${name}" ${type}`).join(', ')
      await sql.query(`drop table if exists ${table}`)
      await sql.query(`create table ${table} (${list})`)
      const names = columns.map(({ name }) => name)
      const statement = copyFromStatement({ schema: 'public', table }, names, copyText)
      await sql.copyIn(statement, bytesOf(source, slices))
    },
    async differing(one, other) {
      const only = (a: string, b: string) => `(select x::text from ${a} x except all select x::text from ${b} x)`
      return (await sql.query(`${only(one, other)} union all ${only(other, one)} limit 4`)).rows
    },
    async [Symbol.asyncDispose]() {
      duck.closeSync()
      instance.closeSync()
      await sql[Symbol.asyncDispose]()
      await oss.server.close()
      await postgres.close()
    },
  }
  return lab
}

async function* bytesOf(source: Source, slices: readonly Slice[]): AsyncIterable<Uint8Array> {
  for (const slice of slices) yield* (await source.read(slice, copyText, never)).body
}

export async function* streamOf(pieces: readonly Uint8Array[]): AsyncIterable<Uint8Array> {
  yield* pieces
}
