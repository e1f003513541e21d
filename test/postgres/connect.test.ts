import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { TransferError } from '../../shared/errors/index.ts'
import { connectSql } from '../../shared/postgres/session.ts'
import { startTestPostgres, type TestDatabase, type TestPostgres, testSecrets } from '../support/postgres.ts'

describe('opening a session', () => {
  let server: TestPostgres
  let database: TestDatabase
  const closers: (() => unknown)[] = []

  beforeAll(async () => {
    server = await startTestPostgres()
    database = await server.createDatabase()
  })
  afterEach(() => {
    for (const close of closers.splice(0)) close()
  })
  afterAll(() => server?.close())

  const failure = async (change: object, options: object = {}): Promise<TransferError> => {
    const { signal } = new AbortController()
    const base = { secrets: testSecrets, applicationName: 'test', signal, log: server.log }
    const opened = await connectSql({ ...database.connection, ...change }, { ...base, ...options }).catch(
      (error: unknown) => error,
    )
    if (!(opened instanceof TransferError)) throw new Error('it opened')
    return opened
  }

  test.each([
    ['a wrong password', { password: 'env:WRONG_PASSWORD' }, 'connect/wrong-credentials'],
    ['no password', { password: null }, 'connect/wrong-credentials'],
    ['a database that does not exist', { database: 'nowhere' }, 'connect/database-missing'],
    ['a port nobody listens on', { port: 1 }, 'connect/unreachable'],
    ['a name nobody has', { host: 'no-such-host.invalid' }, 'connect/unreachable'],
    ['TLS that the server does not speak', { ssl: 'require' }, 'connect/unreachable'],
    ['a secret that is not set', { password: 'env:NOT_SET' }, 'job/secret-missing'],
  ])('with %s names the trouble and the place, and never the password', async (_, change, code) => {
    const error = await failure(change)
    expect(error.code).toBe(code)
    expect(error.message).not.toBe('')
    expect(JSON.stringify(error.report())).not.toMatch(/horse-battery/)
  })

  test('does not take a password from the environment that the datasource does not name', async () => {
    process.env.PGPASSWORD = 'correct-horse-battery'
    closers.push(() => delete process.env.PGPASSWORD)
    expect((await failure({ password: null })).code).toBe('connect/wrong-credentials')
  })

  test('gives up on a server that takes the connection and never answers, in the time it was given', async () => {
    const { port } = await hole(() => undefined)
    const error = await failure({ port }, { connectTimeoutMs: 200 })
    expect(error).toMatchObject({ code: 'connect/unreachable', message: expect.stringMatching(/in 200 ms$/) })
  })

  test('is `connect/unreachable` when the connection is cut during the greeting', async () => {
    const { port } = await hole((socket) => socket.once('data', () => socket.destroy()))
    expect((await failure({ port })).code).toBe('connect/unreachable')
  })

  test('ends with the signal, before it began or while it waits', async () => {
    const { port } = await hole(() => undefined)
    expect((await failure({}, { signal: AbortSignal.abort() })).code).toBe('platform/deadline')
    expect((await failure({ port }, { signal: AbortSignal.timeout(50) })).code).toBe('platform/deadline')
  })

  test('is told apart when the server is full', async () => {
    const admin = await server.connect(database.connection)
    await admin.query(`alter database ${database.connection.database} connection limit 0`)
    await admin.query("create role visitor login password 'correct-horse-battery'")
    const error = await failure({ user: 'visitor' })
    await admin.query(`alter database ${database.connection.database} connection limit -1`)
    await admin[Symbol.asyncDispose]()
    expect(error).toMatchObject({ code: 'connect/too-many-connections', context: { sqlstate: '53300' } })
  })

  test('a privilege that is missing is told apart from the rest', async () => {
    await using admin = await server.connect(database.connection)
    await admin.query("create role stranger login password 'correct-horse-battery'")
    await admin.query('create table private (v text)')
    await using session = await server.connect({ ...database.connection, user: 'stranger' })
    await expect(session.query('select * from private')).rejects.toMatchObject({ code: 'connect/permission-denied' })
    await session.query('set default_transaction_read_only = on')
    await expect(session.query('create table t (v text)')).rejects.toMatchObject({
      code: expect.stringMatching(/^target\/read-only$/),
    })
  })

  test('a session whose server has vanished without a word is disposed of all the same', async () => {
    const upstream: Socket[] = []
    const silent = { now: false }
    const { port } = await hole((socket) => {
      const up = connect(server.server.port, '127.0.0.1')
      upstream.push(up)
      socket.on('data', (piece) => silent.now || up.write(piece))
      up.on('data', (piece) => silent.now || socket.write(piece))
      up.on('error', () => undefined)
    })
    closers.push(() => upstream.forEach((socket) => void socket.destroy()))
    const session = await server.connect({ ...database.connection, port })
    silent.now = true
    const since = Date.now()
    await session[Symbol.asyncDispose]()
    expect(Date.now() - since).toBeLessThan(5_000)
  })

  async function hole(onSocket: (socket: Socket) => void): Promise<{ port: number; listener: Server }> {
    const sockets: Socket[] = []
    const listener = createServer((socket) => {
      sockets.push(socket)
      socket.on('error', () => undefined)
      onSocket(socket)
    })
    listener.listen(0, '127.0.0.1')
    await once(listener, 'listening')
    closers.push(() => {
      for (const socket of sockets) socket.destroy()
      listener.close()
    })
    return { port: (listener.address() as AddressInfo).port, listener }
  }

  test('a value never reaches the message or the report of an error, whatever its type', async () => {
    await using session = await server.connect(database.connection)
    await session.query(
      `create table typed (i int, n numeric(4,2), d date, t timestamp, b bool, u uuid, j json, a int[], bits bit(3),
       c varchar(3), span interval, q tsquery, r regclass, m money, net inet, p point)`,
    )
    const columns = ['i', 'n', 'd', 't', 'b', 'u', 'j', 'a', 'bits', 'c', 'span', 'q', 'r', 'm', 'net', 'p']
    const values = [
      '9876543210987',
      'a "cell-of-a-customer" b',
      '{cell-of-a-customer',
      '1 2 cell-of-a-customer',
      '2026-99-98',
    ]
    for (const column of columns) {
      for (const value of values) {
        const copy = session.copyIn(`copy typed (${column}) from stdin`, lines([value]))
        const report = await copy.then(
          () => '',
          (error: TransferError) => JSON.stringify(error.report()),
        )
        expect(report, `${column} of ${value}`).not.toMatch(/cell-of|9876543|2026-99/)
      }
    }
  })
})

async function* lines(all: readonly string[]): AsyncGenerator<Uint8Array> {
  for (const line of all) yield Buffer.from(`${line}\n`)
}
