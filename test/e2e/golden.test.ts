import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Connection } from '../../shared/job/datasource.ts'
import type { JobEnd } from '../../shared/job/document.ts'
import { connectionOf, type JobSpec, runKeyOfClient } from '../../shared/job/index.ts'
import type { PostgresConnection } from '../../shared/ports/index.ts'
import { findDatasource } from '../../shared/run/datasources.ts'
import { reportRun } from '../../shared/run/report.ts'
import { startRun } from '../../shared/run/start-run.ts'
import { checkText } from '../job/script-environment.ts'
import { ample, deliverTwice } from '../support/deliveries.ts'
import { type GoldenRun, readGoldens } from '../support/golden.ts'
import { startMariadb, type TestMariadb } from '../support/mariadb.ts'
import { testPassword } from '../support/postgres.ts'
import { startTestStack, type TestStack } from '../support/stack.ts'

/**
 * Every script of the corpus that can run, from its text to the rows. What a script says of addresses and accounts is of
 * somebody's cloud; the rest is run as it stands, on the servers of the stack.
 */
const mariadb = await startMariadb()
const noMysql = typeof mariadb === 'string' ? mariadb : null
const mysql = mariadb as TestMariadb

describe('a golden script runs', () => {
  let stack: TestStack
  let oss: Connection
  beforeAll(async () => {
    stack = await startTestStack({ MYSQL_PASSWORD: testPassword })
    const found = await findDatasource(stack.world, {}, 'oss_local')
    if (found === null) throw new Error('the stack has no oss_local')
    oss = connectionOf(found.datasource)
  })
  afterAll(async () => {
    await stack?.close()
    if (noMysql === null) await mysql.close()
  })

  const runnable = readGoldens().flatMap(({ expected: { run }, ...golden }) =>
    run === undefined ? [] : [{ ...golden, run }],
  )

  it('is all of them but those that are refused, or have no ledger to run with', () => {
    const left = readGoldens().flatMap(({ name, expected: { notRun, spec } }) =>
      notRun !== undefined && spec !== null ? [name] : [],
    )
    expect(left).toEqual(['datax-postgresqlwriter-every-option'])
  })

  it.for(runnable)('$name', async ({ name, text, run }, { skip }) => {
    skip(run.mysql !== undefined && noMysql !== null, noMysql ?? '')
    await prepare(run)
    const { spec } = await checkText(text)
    if (spec === null) throw new Error('the script has faults')
    const report = await execute(name, moved(spec))
    expect(report).toMatchObject({ state: 'succeeded', error: null, rows: run.rows })
    for (const { in: where, sql, rows } of run.finds) expect(await rowsIn(where, sql)).toEqual(rows)
    for (const [prefix, lines] of Object.entries(run.writes)) expect(await linesUnder(prefix)).toEqual(lines)
  })

  /** Other scripts use the same names: each begins with nothing. */
  async function prepare(run: GoldenRun): Promise<void> {
    const empty = ['drop schema public cascade', 'create schema public']
    for (const statement of [...empty, ...run.adbpg]) await stack.sql(statement)
    for (const statement of [...empty, ...run.source]) await stack.sql(statement, stack.source)
    if (run.mysql !== undefined) await prepareMysql(run.mysql)
    await clear()
    for (const [key, body] of Object.entries(run.objects))
      await stack.world.store.put(
        key,
        typeof body === 'string' ? Buffer.from(body) : Buffer.from(body.base64, 'base64'),
      )
  }

  async function prepareMysql(statements: readonly string[]): Promise<void> {
    const { database } = mysql.connection
    for (const statement of [
      `drop database ${database}`,
      `create database ${database}`,
      `use ${database}`,
      ...statements,
    ])
      await mysql.session.query(statement)
  }

  async function clear(): Promise<void> {
    const own = /^(jobs|datasources|ledgers|incidents|stage|dirty)\//
    const keys: string[] = []
    for await (const { key } of stack.world.store.list('')) if (!own.test(key)) keys.push(key)
    if (keys.length > 0) await stack.world.store.remove(keys)
  }

  function moved(spec: JobSpec): JobSpec {
    const end = ({ kind, options }: JobEnd): JobEnd => {
      const { connection } = options as { connection: Connection }
      const here = placeFor(kind, connection)
      return { kind, options: { ...(options as object), connection: here } }
    }
    return { ...spec, reader: end(spec.reader), writer: end(spec.writer) }
  }

  function placeFor(kind: string, connection: Connection): Connection {
    if (connection.kind === 'oss') return oss
    if (connection.kind === 'postgres') return kind === 'adbpg' ? stack.adbpg : stack.source
    const { host, port, database, user, ssl } = mysql.connection
    return { ...connection, host, port, database, user, ssl, password: 'env:MYSQL_PASSWORD' }
  }

  async function execute(name: string, spec: JobSpec) {
    const platform = deliverTwice(stack.world, { seed: 1, copies: 1 })
    const trigger = { type: 'client', key: name } as const
    const { runId } = await startRun(platform.world, { runKey: runKeyOfClient(spec.name, name), spec, trigger }, ample)
    await platform.drain()
    await using sql = await stack.world.connectSql(stack.adbpg, ample.signal)
    return await reportRun(sql, runId, new Date())
  }

  async function rowsIn(where: 'adbpg' | 'source' | 'mysql', query: string): Promise<(string | null)[][]> {
    if (where !== 'mysql') return await texts(query, where === 'source' ? stack.source : stack.adbpg)
    const [rows] = await mysql.session.query({ sql: query, rowsAsArray: true })
    return rows as (string | null)[][]
  }

  /** As the server prints them, so that no driver rounds a number on the way. */
  async function texts(query: string, where: PostgresConnection): Promise<(string | null)[][]> {
    const rows = await stack.sql<Record<string, unknown>>(query, where)
    return rows.map((row) => Object.values(row).map((value) => (value === null ? null : String(value))))
  }

  async function linesUnder(prefix: string): Promise<string[]> {
    const lines: string[] = []
    for await (const { key } of stack.world.store.list(prefix)) {
      const found = await stack.world.store.read(key, 1_000_000)
      lines.push(...(found?.body.toString('utf8') ?? '').split('\n').filter((line) => line !== ''))
    }
    return lines
  }
})
