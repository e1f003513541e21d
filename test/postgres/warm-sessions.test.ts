import { afterAll, beforeAll, expect, it } from 'vitest'
import type { PostgresConnection, SqlSession } from '../../shared/ports/index.ts'
import { connectSql } from '../../shared/postgres/session.ts'
import { openWarmSessions } from '../../shared/postgres/warm-sessions.ts'
import { startTestPostgres, type TestPostgres, testSecrets } from '../support/postgres.ts'

/** What one request leaves to the next: a session, and nothing in it. */
let server: TestPostgres
let connection: PostgresConnection
beforeAll(async () => {
  server = await startTestPostgres()
  connection = (await server.createDatabase()).connection
})
afterAll(() => server.close())

function openInstance(place: PostgresConnection = connection) {
  const warm = openWarmSessions()
  return (signal = new AbortController().signal) =>
    connectSql(place, { secrets: testSecrets, applicationName: 'warm', signal, log: server.log, warm })
}

const pidOf = async (sql: SqlSession) =>
  (await sql.query<{ pid: number }>('select pg_backend_pid() as pid')).rows[0]?.pid

async function pidIn(connect: ReturnType<typeof openInstance>, work: (sql: SqlSession) => Promise<unknown>) {
  await using sql = await connect()
  await work(sql)
  return await pidOf(sql)
}
const nothing = async () => undefined

it('is the same session, without locks, temporary tables or settings of the request before', async () => {
  const connect = openInstance()
  const first = await pidIn(connect, async (sql) => {
    await sql.query('select pg_advisory_lock(1, 2)')
    await sql.query('create temporary table left_behind (id integer)')
    await sql.query("set datestyle = 'German'")
  })
  await using other = await server.connect(connection)
  expect((await other.query('select pg_try_advisory_lock(1, 2) as free')).rows).toEqual([{ free: true }])
  const second = await pidIn(connect, async (sql) => {
    const left = await sql.query("select count(*)::integer as tables from pg_class where relname = 'left_behind'")
    expect(left.rows).toEqual([{ tables: 0 }])
    expect((await sql.query("select date '2026-02-01'::text as day")).rows).toEqual([{ day: '2026-02-01' }])
    expect((await sql.query('show extra_float_digits')).rows).toEqual([{ extra_float_digits: '3' }])
  })
  expect(second).toBe(first)
})

it('is another one where the server has ended it, it was left in a transaction, or its request was aborted', async () => {
  const connect = openInstance()
  const first = await pidIn(connect, nothing)
  await using other = await server.connect(connection)
  await other.query('select pg_terminate_backend($1)', [first])
  const second = await pidIn(connect, (sql) => sql.query('begin'))
  const third = await pidIn(connect, nothing)
  const controller = new AbortController()
  {
    await using aborted = await connect(controller.signal)
    expect(await pidOf(aborted)).toBe(third)
    controller.abort()
  }
  const fourth = await pidIn(connect, nothing)
  expect(new Set([first, second, third, fourth]).size).toBe(4)
})

it('is one of several that were open at once, and none of a datasource that counts its connections', async () => {
  const connect = openInstance()
  {
    await using one = await connect()
    await using two = await connect()
    expect(await pidOf(one)).not.toBe(await pidOf(two))
  }
  await using other = await server.connect(connection)
  const idle = async () =>
    (await other.query("select count(*)::integer as left from pg_stat_activity where application_name = 'warm'"))
      .rows[0]
  await expect.poll(idle).toEqual({ left: expect.any(Number) })
  const capped = openInstance({ ...connection, maxConnections: 2 })
  expect(await pidIn(capped, nothing)).not.toBe(await pidIn(capped, nothing))
})
