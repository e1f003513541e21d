import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { CopyTarget } from '../../shared/connectors/contract.ts'
import type { Finding, Result } from '../../shared/doctor/finding.ts'
import { checkNetwork } from '../../shared/doctor/network.ts'
import { checkLedgerRights, checkTargetRights } from '../../shared/doctor/postgres-rights.ts'
import { openPostgres } from '../../shared/doctor/postgres-session.ts'
import { checkSecret } from '../../shared/doctor/secret.ts'
import { migrate } from '../../shared/ledger/index.ts'
import type { PostgresConnection, Sql, SqlSession } from '../../shared/ports/index.ts'
import { connectSql } from '../../shared/postgres/session.ts'
import { eventually } from '../support/fc.ts'
import { startTestPostgres, type TestPostgres, testPassword, testSecrets } from '../support/postgres.ts'
import { replaceHostRules, switchOnTls } from '../support/tls.ts'

let server: TestPostgres
let connection: PostgresConnection
let admin: SqlSession
beforeAll(async () => {
  server = await startTestPostgres()
  connection = (await server.createDatabase()).connection
  admin = await server.connect(connection)
  for (const role of ['visitor', 'tls_only', 'loader', 'stranger'])
    await admin.query(`create role ${role} login password '${testPassword}'`)
  await admin.query(`create role grouped nologin password '${testPassword}'`)
})
afterAll(async () => {
  await admin?.[Symbol.asyncDispose]()
  await server?.close()
})

const { signal } = new AbortController()
const world = {
  connectSql: (to: PostgresConnection) =>
    connectSql(to, { secrets: testSecrets, applicationName: 'test', signal, log: server.log, connectTimeoutMs: 1_000 }),
}

async function handshake(change: Partial<PostgresConnection>): Promise<Record<string, Result>> {
  const { results, session } = await openPostgres(world, { ...connection, ...change }, signal)
  await session?.[Symbol.asyncDispose]()
  expect(session === null).toBe(results.some(({ state }) => state === 'failed'))
  expect(JSON.stringify(results)).not.toMatch(/horse-battery/)
  return Object.fromEntries(results.map((result) => [result.check, result]))
}

const statesOf = (results: Record<string, Result>): Record<string, Finding['state']> =>
  Object.fromEntries(Object.entries(results).map(([check, { state }]) => [check, state]))

describe('the way to a server', () => {
  it('is open, closed, or begins with a name that nobody has: each with its own next step', async () => {
    const { host, port } = connection
    expect(await checkNetwork({ host, port })).toMatchObject([
      { state: 'ok' },
      { state: 'ok', detail: expect.stringMatching(/in \d+ ms/) },
    ])
    expect(await checkNetwork({ host: 'localhost', port })).toMatchObject([
      { detail: expect.stringContaining('127.0.0.1') },
      {},
    ])
    expect(await checkNetwork({ host, port: 1 })).toMatchObject([
      { check: 'dns', state: 'ok' },
      {
        check: 'route',
        state: 'failed',
        detail: expect.stringContaining('ECONNREFUSED'),
        next: expect.stringMatching(/refuses the port/),
      },
    ])
    expect(await checkNetwork({ host: 'no-such-host.invalid', port })).toMatchObject([
      { check: 'dns', state: 'failed', next: expect.stringContaining('no-such-host.invalid') },
      { check: 'route', state: 'skipped' },
    ])
  })
})

describe('the handshake', () => {
  it('succeeds', async () => {
    const results = await handshake({})
    expect(statesOf(results)).toEqual({ whitelist: 'ok', tls: 'ok', login: 'ok' })
    expect(results.whitelist?.detail).toContain('127.0.0.1')
  })

  it.each([
    ['a wrong password', { password: 'env:WRONG_PASSWORD' }, /user name and password/],
    ['a database that is not there', { database: 'nowhere' }, /^Create database nowhere.*password are right/],
    ['both', { database: 'nowhere', password: 'env:WRONG_PASSWORD' }, /user name and password of the datasource/],
    ['a role that may not log in', { user: 'grouped' }, /alter role grouped login/],
  ] as const)('with %s fails at the login alone', async (_, change, next) => {
    const results = await handshake(change)
    expect(statesOf(results)).toEqual({ whitelist: 'ok', tls: 'ok', login: 'failed' })
    expect(results.login?.next).toMatch(next)
  })

  it('is not tried with a secret that is not set', async () => {
    const secrets = { secrets: testSecrets }
    expect(await checkSecret(secrets, { ...connection, password: 'env:NOT_SET' })).toMatchObject([
      { check: 'secret', state: 'failed', detail: expect.stringContaining('env:NOT_SET') },
    ])
    expect(await checkSecret(secrets, connection)).toMatchObject([{ state: 'ok' }])
    expect(await checkSecret(secrets, { ...connection, password: null })).toEqual([])
  })

  it('with TLS that the server does not speak fails there', async () => {
    const results = await handshake({ ssl: 'require' })
    expect(statesOf(results)).toMatchObject({ tls: 'failed', login: 'skipped' })
    expect(results.tls?.next).toMatch(/SSL of the instance/)
  })

  it('with somebody who takes the connection and says nothing fails before everything else', async () => {
    const sockets: Socket[] = []
    const silent: Server = createServer((socket) => void sockets.push(socket))
    silent.listen(0, '127.0.0.1')
    await once(silent, 'listening')
    const results = await handshake({ port: (silent.address() as AddressInfo).port })
    for (const socket of sockets) socket.destroy()
    silent.close()
    expect(statesOf(results)).toEqual({ whitelist: 'failed', tls: 'skipped', login: 'skipped' })
    expect(results.whitelist?.next).toMatch(/no PostgreSQL answers/)
  })
})

describe('the handshake with a server that chooses its visitors', () => {
  beforeAll(async () => {
    await switchOnTls(admin)
    await replaceHostRules(admin, [
      'local all all trust',
      `host all ${connection.user},loader,stranger 127.0.0.1/32 md5`,
      'hostssl all tls_only 127.0.0.1/32 md5',
    ])
    await eventually(async () => (await handshake({ user: 'visitor' })).whitelist?.state === 'failed')
    await eventually(async () => (await handshake({ ssl: 'require' })).tls?.state === 'ok')
  })

  it('that does not know this address fails at the whitelist, and says which address', async () => {
    const results = await handshake({ user: 'visitor' })
    expect(statesOf(results)).toEqual({ whitelist: 'failed', tls: 'skipped', login: 'skipped' })
    expect(results.whitelist?.next).toMatch(/^Add 127\.0\.0\.1.* for user visitor and database /)
    expect(statesOf(await handshake({ user: 'visitor', ssl: 'require' }))).toMatchObject({ whitelist: 'failed' })
  })

  it('that wants TLS of this user fails at TLS, whatever the password is', async () => {
    for (const password of ['env:PASSWORD', 'env:WRONG_PASSWORD'] as const) {
      const results = await handshake({ user: 'tls_only', password })
      expect(statesOf(results)).toEqual({ whitelist: 'ok', tls: 'failed', login: 'skipped' })
      expect(results.tls?.next).toMatch(/ssl .* require/)
    }
    expect(statesOf(await handshake({ user: 'tls_only', ssl: 'require' }))).toEqual({
      whitelist: 'ok',
      tls: 'ok',
      login: 'ok',
    })
  })

  it('whose certificate nobody has signed fails at TLS when it is to be checked', async () => {
    const results = await handshake({ ssl: 'verify-full' })
    expect(statesOf(results)).toMatchObject({ tls: 'failed', login: 'skipped' })
    expect(results.tls?.next).toMatch(/certificate/)
  })

  it('warns of a session in plain text where TLS is offered', async () => {
    expect((await handshake({})).tls).toMatchObject({ state: 'warning', next: expect.stringContaining('require') })
  })
})

describe('rights', () => {
  const as = async <T>(user: string, work: (sql: Sql) => Promise<T>): Promise<T> => {
    await using sql = await server.connect({ ...connection, user })
    return await work(sql)
  }
  const target = (change: Partial<CopyTarget> = {}) =>
    ({
      table: { schema: 'public', table: 'T able' },
      preSql: [],
      conflict: null,
      publication: null,
      ...change,
    }) as unknown as CopyTarget
  const rights = (change: Partial<CopyTarget> = {}, locks = false, columns = ['a', 'b']) =>
    as('loader', (sql) => checkTargetRights(sql, target(change), { columns, user: 'loader', locks }))

  it('on the ledger: may it be made, is it there, may it be used', async () => {
    const look = (user: string) => as(user, (sql) => checkLedgerRights(sql, user))
    expect(await look('loader')).toMatchObject({
      state: 'failed',
      next: expect.stringMatching(/grant create on database \w+ to loader/),
    })
    await admin.query(`grant create on database ${connection.database} to loader`)
    expect(await look('loader')).toMatchObject({ state: 'ok', detail: expect.stringContaining('will be created') })
    await as('loader', (sql) => migrate(sql, new Date()))
    expect(await look('loader')).toMatchObject({ state: 'ok', detail: expect.stringContaining('may be used') })
    expect(await look('stranger')).toMatchObject({
      state: 'failed',
      detail: expect.stringContaining('schema adbpg_sync'),
    })
    await as('loader', (sql) => sql.query('grant usage, create on schema adbpg_sync to stranger'))
    expect((await look('stranger')).detail).toContain('table adbpg_sync.run_finished')
    await as('loader', (sql) => sql.query('grant select, insert on all tables in schema adbpg_sync to stranger'))
    expect(await look('stranger')).toMatchObject({ state: 'ok' })
  })

  it('on the table: those that the job needs and no others', async () => {
    await admin.query('create table "T able" (a integer primary key, b text)')
    expect(await rights()).toMatchObject({
      state: 'failed',
      detail: expect.stringContaining('insert on "public"."T able"'),
    })
    await admin.query('grant insert (a, b) on "T able" to loader')
    expect(await rights()).toMatchObject({ state: 'ok' })
    await admin.query('revoke insert (b) on "T able" from loader')
    expect(await rights()).toMatchObject({ state: 'failed' })
    expect(await rights({}, false, ['a'])).toMatchObject({ state: 'ok' })
    await admin.query('grant insert on "T able" to loader')
    expect(await rights({ preSql: ['truncate table "T able"'] })).toMatchObject({
      detail: expect.stringContaining('may not truncate'),
    })
    const replace = { conflict: { on: 'replace', keys: null, update: null } } as const
    expect((await rights(replace)).detail).toContain('may not select, update on')
    const ignore = { conflict: { on: 'ignore', keys: null, update: null } } as const
    await admin.query('grant select on "T able" to loader')
    expect(await rights(ignore)).toMatchObject({ state: 'ok' })
    expect((await rights(ignore, true)).detail).toContain('may not update on')
    await admin.query('grant update on "T able" to loader')
    expect(await rights(replace)).toMatchObject({ state: 'ok' })
    expect(await rights(ignore, true)).toMatchObject({ state: 'ok' })
    await as('loader', (sql) =>
      sql.transaction(async () => void (await sql.query('lock table "T able" in share row exclusive mode'))),
    )
  })

  it('on what is overwritten: the partition itself, whose rows go', async () => {
    await admin.query('create table "P arted" (a integer) partition by list (a)')
    await admin.query('create table "P one" partition of "P arted" for values in (1)')
    await admin.query('grant insert, select, delete on "P arted" to loader')
    const place = { schema: 'public', table: 'P one' }
    const publication = { overwrite: { of: 'partition', name: 'P one' }, facts: async () => ({ place }) }
    const overwriting = { publication } as unknown as Partial<CopyTarget>
    expect((await rights(overwriting, true, ['a'])).detail).toContain(
      'may not insert, select, delete on "public"."P one"',
    )
    await admin.query('grant insert, select, delete on "P one" to loader')
    expect(await rights(overwriting, true, ['a'])).toMatchObject({ state: 'ok' })
    await as('loader', (sql) => sql.query('delete from "P one"'))
  })
})
