import fc from 'fast-check'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { TransferError } from '../../shared/errors/index.ts'
import { defaultPackage } from '../../shared/local/postgres/binaries.ts'
import type { SqlSession } from '../../shared/ports/index.ts'
import { currentPackage, startTestPostgres, type TestDatabase, type TestPostgres } from '../support/postgres.ts'

/** What no error, and no log line, may show. */
const secretCell = 'cell-of-a-customer'
const uncaught: unknown[] = []
const keepUncaught = (error: unknown) => void uncaught.push(error)

describe.each([
  ['the kernel of ADBPG 7.0', defaultPackage()],
  ['the current PostgreSQL', currentPackage],
])('a session on %s', (_, packageName) => {
  let server: TestPostgres
  let database: TestDatabase
  let sql: SqlSession
  const opened: SqlSession[] = []

  beforeAll(async () => {
    process.on('uncaughtExceptionMonitor', keepUncaught)
    server = await startTestPostgres(packageName)
    database = await server.createDatabase()
    sql = await open()
    await sql.query('create table pairs (id int not null primary key, name text)')
  })

  afterEach(async () => {
    for (const session of opened.splice(1)) await session[Symbol.asyncDispose]()
    expect(uncaught).toEqual([])
    expect(server.log.lines.join('\n')).not.toContain(secretCell)
    await sql.query('truncate pairs')
  })

  afterAll(async () => {
    process.off('uncaughtExceptionMonitor', keepUncaught)
    for (const session of opened.splice(0)) await session[Symbol.asyncDispose]()
    await server?.close()
  })

  async function open(signal?: AbortSignal): Promise<SqlSession> {
    const session = await server.connect(database.connection, signal)
    opened.push(session)
    return session
  }

  const count = async (table = 'pairs') => Number((await sql.query(`select count(*) as n from ${table}`)).rows[0]?.n)
  const pidOf = async (session: SqlSession) => (await session.query('select pg_backend_pid() as pid')).rows[0]?.pid
  const waiting = async () =>
    Number((await sql.query('select count(*) as n from pg_locks where not granted')).rows[0]?.n)
  /** Other backends of this database that are in the middle of something. */
  const busy = async () => {
    const { rows } = await sql.query(
      "select count(*) as n from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid() and state <> 'idle'",
    )
    return Number(rows[0]?.n)
  }

  describe('query', () => {
    test('dates and times without a zone come as the server writes them, wherever this process is', async () => {
      const before = process.env.TZ
      process.env.TZ = 'Asia/Shanghai'
      try {
        const { rows } = await sql.query(`select date '2026-01-01' as d, timestamp '2026-01-01 00:00:00.123456' as t,
        timestamptz '2026-01-01 00:00:00+00' as z, 'infinity'::date as i`)
        expect(rows).toEqual([
          { d: '2026-01-01', t: '2026-01-01 00:00:00.123456', z: new Date('2026-01-01T00:00:00Z'), i: 'infinity' },
        ])
      } finally {
        if (before === undefined) delete process.env.TZ
        else process.env.TZ = before
      }
    })

    test('sets up bytes, dates and numbers in one form, whatever the server’s defaults are', async () => {
      const { rows } = await sql.query(
        `select current_setting('client_encoding') as encoding, '\\xff00'::bytea::text as bytes, date '2026-01-02'::text as day,
         current_setting('timezone') as zone, interval '1 day 2 hours'::text as span, 0.1::float8::text as tenth,
         current_setting('statement_timeout') as timeout, current_setting('application_name') as application`,
      )
      expect(rows[0]).toEqual({
        encoding: 'UTF8',
        bytes: '\\xff00',
        day: '2026-01-02',
        zone: 'UTC',
        span: '1 day 02:00:00',
        tenth: expect.stringMatching(/^0\.1/),
        timeout: '0',
        application: 'adbpg-sync-test',
      })
    })

    test('keeps every digit of bigint and numeric', async () => {
      const { rows } = await sql.query('select 9007199254740993::int8 as big, 0.10000000000000000001::numeric as exact')
      expect(rows).toEqual([{ big: '9007199254740993', exact: '0.10000000000000000001' }])
    })

    test('passes values beside the statement', async () => {
      const hostile = `'; drop table pairs; -- \\ " 中文 \u{1f600}`
      const { rows, rowCount } = await sql.query('select $1::text as v', [hostile])
      expect({ rows, rowCount }).toEqual({ rows: [{ v: hostile }], rowCount: 1 })
    })
  })

  describe('transaction', () => {
    test('commits what was done, and rolls all of it back when the work throws', async () => {
      const boom = new Error('boom')
      await sql.transaction(() => sql.query("insert into pairs values (1, 'a')"))
      const failing = sql.transaction(async () => {
        await sql.query("insert into pairs values (2, 'b')")
        throw boom
      })
      await expect(failing).rejects.toBe(boom)
      expect(await count()).toBe(1)
    })

    test('does not pass for committed when the server rolled back, because an error in it was swallowed', async () => {
      const work = sql.transaction(async () => {
        await sql.query("insert into pairs values (1, 'a')")
        await sql.query('select 1 / 0').catch(() => undefined)
        return 'done'
      })
      await expect(work).rejects.toMatchObject({ code: 'internal/bug', context: { command: 'ROLLBACK' } })
      expect(await count()).toBe(0)
      await sql.transaction(() => sql.query("insert into pairs values (1, 'a')"))
      expect(await count()).toBe(1)
    })

    test('goes on behind a savepoint that failed, nested ones too', async () => {
      await sql.transaction(async () => {
        await sql.query("insert into pairs values (1, 'a')")
        const inner = sql.savepoint(async () => {
          await sql.savepoint(() => sql.query("insert into pairs values (2, 'b')"))
          await sql.query("insert into pairs values (1, 'twice')")
        })
        await expect(inner).rejects.toMatchObject({ context: { sqlstate: '23505' } })
        await sql.query("insert into pairs values (3, 'c')")
      })
      expect((await sql.query('select id from pairs order by id')).rows).toEqual([{ id: 1 }, { id: 3 }])
    })
  })

  describe('savepoints that travel with the next statement', () => {
    beforeEach(async () => {
      await sql.query('create table kept (id integer primary key)')
    })
    afterEach(async () => {
      await sql.query('drop table kept')
    })

    async function* one(text: string): AsyncIterable<Uint8Array> {
      yield Buffer.from(text)
    }

    /** What a savepoint does: rows by either way, others in it, and how it ends. */
    interface Scope {
      readonly rows: readonly ('copy' | 'insert')[]
      readonly inner: readonly Scope[]
      readonly ends: 'well' | 'throws' | 'refused'
    }
    const scope: fc.Memo<Scope> = fc.memo((depth) =>
      fc.record<Scope>({
        rows: fc.array(fc.constantFrom('copy', 'insert'), { maxLength: 3 }),
        inner: depth > 1 ? fc.array(scope(), { maxLength: 3 }) : fc.constant([]),
        ends: fc.constantFrom('well', 'well', 'throws', 'refused'),
      }),
    )

    test('keep what of any nest of them ended well, and nothing else', () =>
      fc.assert(
        fc.asyncProperty(fc.array(scope(4), { maxLength: 4 }), async (scopes) => {
          let next = 0
          const put = async (by: 'copy' | 'insert') => {
            next += 1
            if (by === 'copy') await sql.copyIn('copy kept from stdin', one(`${next}\n`))
            else await sql.query('insert into kept values ($1)', [next])
            return next
          }
          const run = async ({ rows, inner, ends }: Scope): Promise<number[]> => {
            const kept: number[] = []
            try {
              await sql.savepoint(async () => {
                for (const by of rows) kept.push(await put(by))
                for (const each of inner) kept.push(...(await run(each)))
                if (ends === 'throws') throw new Error('left')
                if (ends === 'refused') await sql.copyIn('copy kept from stdin', one('no number\n'))
              })
              return kept
            } catch (error) {
              expect(error).toMatchObject(ends === 'throws' ? { message: 'left' } : { context: { sqlstate: '22P02' } })
              return []
            }
          }
          const kept = await sql.transaction(async () => {
            const all: number[] = []
            for (const each of scopes) all.push(...(await run(each)))
            return all
          })
          expect((await sql.query('select id from kept order by id')).rows).toEqual(kept.map((id) => ({ id })))
          await sql.query('delete from kept')
        }),
        { numRuns: 60 },
      ))

    test('are left in order by a COPY whose signal had been aborted before it was sent', async () => {
      await sql.transaction(async () => {
        const copied = sql.savepoint(() => sql.copyIn('copy kept from stdin', one('1\n'), AbortSignal.abort()))
        await expect(copied).rejects.toThrow()
        await sql.query('insert into kept values (2)')
      })
      expect((await sql.query('select id from kept')).rows).toEqual([{ id: 2 }])
    })

    test('cost no way to the server of their own', async () => {
      const seen: string[] = []
      const { Client } = (await import('pg')).default
      const sent = vi.spyOn(Client.prototype, 'query')
      await sql.transaction(async () => {
        for (const id of [1, 2]) await sql.savepoint(() => sql.copyIn('copy kept from stdin', one(`${id}\n`)))
        await sql.savepoint(async () => undefined)
      })
      for (const [statement] of sent.mock.calls as unknown as [string | { text: string }][])
        seen.push(typeof statement === 'string' ? statement : statement.text)
      sent.mockRestore()
      expect(seen).toEqual([
        'begin isolation level read committed',
        expect.stringMatching(/^savepoint \w+; copy kept from stdin$/),
        expect.stringMatching(/^release savepoint \w+; savepoint \w+; copy kept from stdin$/),
        'commit',
      ])
    })
  })

  describe('copyIn', () => {
    test('moves 10 MB in small and large pieces, every byte of it, with the count of the server', async () => {
      const line = (id: number) => Buffer.from(`${id}\t${'é'.repeat(id % 100)}${id}\n`)
      const rows = 90_000
      const sent: Buffer[] = []
      const body = async function* () {
        let held: Buffer[] = []
        for (let id = 0; id < rows; id += 1) {
          held.push(line(id))
          if (held.length < (id % 7) * 300 + 1) continue
          sent.push(...held)
          yield Buffer.concat(held)
          yield Buffer.alloc(0)
          held = []
        }
        sent.push(...held)
        yield Buffer.concat(held)
      }
      expect(await sql.copyIn('copy pairs from stdin', body())).toEqual({ rows })
      expect(Buffer.concat(sent).length).toBeGreaterThan(8_000_000)
      const back = Buffer.concat(await gather(sql.copyOut('copy (select * from pairs order by id) to stdout')))
      expect(back.equals(Buffer.concat(sent))).toBe(true)
    })

    test('of nothing loads nothing', async () => {
      expect(await sql.copyIn('copy pairs from stdin', lines([]))).toEqual({ rows: 0 })
    })

    test('that the source fails is rolled back, ends with the very error of the source, and leaves the session usable', async () => {
      const mine = Object.assign(new Error('the socket of the source'), { code: 'ECONNRESET' })
      const body = async function* () {
        yield Buffer.from('1\ta\n'.repeat(1))
        yield Buffer.alloc(700_000, '9\tx\n')
        throw mine
      }
      const session = await open()
      await expect(session.copyIn('copy pairs from stdin', body())).rejects.toBe(mine)
      expect(Number((await session.query('select count(*) as n from pairs')).rows[0]?.n)).toBe(0)
    })

    test('that the server refuses stops the source at once, and says where, without the value', async () => {
      let pieces = 0
      let wasLeft = false
      const body = async function* () {
        try {
          yield Buffer.from(`1\ta\n${secretCell}\tb\n`)
          for (; pieces < 10_000; pieces += 1) yield Buffer.alloc(64 * 1024, '7\tx\n')
        } finally {
          wasLeft = true
        }
      }
      const session = await open()
      const error = await session.copyIn('copy pairs from stdin', body()).catch((thrown: unknown) => thrown)
      expect(error).toMatchObject({ code: 'target/sql-failed', context: { sqlstate: '22P02', line: 2, column: 'id' } })
      expect(JSON.stringify((error as TransferError).report())).not.toContain(secretCell)
      expect(pieces).toBeLessThan(10_000)
      expect(wasLeft).toBe(true)
      expect((await session.query('select 1 as one')).rows).toEqual([{ one: 1 }])
    })

    test('that the server refuses while the source waits for its own server ends all the same', async () => {
      const body = async function* () {
        yield Buffer.alloc(400_000, 'no number\tx\n')
        await never()
      }
      await expect((await open()).copyIn('copy pairs from stdin', body())).rejects.toMatchObject({
        context: { sqlstate: '22P02' },
      })
    })

    test('whose backend is terminated in the middle is `connect/lost`, and so is what is asked of the session after', async () => {
      const session = await open()
      const pid = await pidOf(session)
      const body = async function* () {
        for (let piece = 0; piece < 100_000; piece += 1) {
          yield Buffer.alloc(128 * 1024, `${piece}\tx\n`)
          if (piece === 40) await sql.query('select pg_terminate_backend($1)', [pid])
        }
      }
      await sql.query('create table unkeyed (id text, name text)')
      await expect(session.copyIn('copy unkeyed from stdin', body())).rejects.toMatchObject({ code: 'connect/lost' })
      await expect(session.query('select 1')).rejects.toMatchObject({ code: 'connect/lost' })
      expect(await count('unkeyed')).toBe(0)
      await sql.query('drop table unkeyed')
    })

    test.each(['source', 'flow'])('that is aborted while the %s is under way rolls back', async (moment) => {
      const abort = new AbortController()
      const session = await open()
      const body = async function* () {
        yield Buffer.from('1\ta\n')
        setTimeout(() => abort.abort(), 20)
        if (moment === 'source') await never()
        for (let id = 2; ; id += 1) yield Buffer.from(`${id}\t${'x'.repeat(1000)}\n`)
      }
      const copy = session.copyIn('copy pairs from stdin', body(), abort.signal)
      await expect(copy).rejects.toMatchObject({ code: 'platform/deadline' })
      expect(Number((await session.query('select count(*) as n from pairs')).rows[0]?.n)).toBe(0)
    })

    test('that the source fails while the server waits for a lock ends with the error of the source', async () => {
      const holder = await open()
      const session = await open()
      await holder.query('begin')
      await holder.query('lock table pairs')
      const mine = new Error('the source broke')
      const body = async function* () {
        yield Buffer.from('1\ta\n')
        await eventually('the COPY waits', async () => (await waiting()) > 0)
        throw mine
      }
      await expect(session.copyIn('copy pairs from stdin', body())).rejects.toBe(mine)
      await eventually('nobody waits', async () => (await waiting()) === 0)
      await holder.query('rollback')
      expect(await count()).toBe(0)
    })

    test('that is aborted while it waits for a lock stops waiting in the server too', async () => {
      const holder = await open()
      const session = await open()
      const abort = new AbortController()
      await holder.query('begin')
      await holder.query('lock table pairs')
      const copy = session
        .copyIn('copy pairs from stdin', lines(['1\ta']), abort.signal)
        .catch((error: unknown) => error)
      await eventually('the COPY waits', async () => (await waiting()) > 0)
      abort.abort(new TransferError('run/stopped', 'stopped by the test'))
      expect(await copy).toMatchObject({ code: 'run/stopped' })
      await eventually('nobody waits', async () => (await waiting()) === 0)
      await holder.query('rollback')
      expect(await count()).toBe(0)
    })

    test('of a statement that is no COPY is refused before it is sent', async () => {
      await expect(sql.copyIn('delete from pairs', lines([]))).rejects.toMatchObject({ code: 'internal/bug' })
      await expect(gather(sql.copyOut('select 1'))).rejects.toMatchObject({ code: 'internal/bug' })
      expect((await sql.query('select 1 as one')).rows).toEqual([{ one: 1 }])
    })

    test('tells a duplicate key by its constraint, and keeps the key to itself', async () => {
      const copy = (await open()).copyIn('copy pairs from stdin', lines(['4711', '4711'].map((id) => `${id}\ta`)))
      const error = (await copy.catch((thrown: unknown) => thrown)) as TransferError
      expect(error.context).toMatchObject({ sqlstate: '23505', constraint: 'pairs_pkey' })
      expect(JSON.stringify(error.report())).not.toContain('4711')
    })
  })

  describe('copyOut', () => {
    const endless = "copy (select repeat('x', 1000) from (select generate_series(1, 100000000)) as rows) to stdout"

    test('waits for a slow reader instead of gathering', async () => {
      const session = await open()
      const before = process.memoryUsage().rss
      let peak = before
      let pieces = 0
      for await (const piece of session.copyOut(endless)) {
        expect(piece.length).toBeGreaterThan(0)
        peak = Math.max(peak, process.memoryUsage().rss)
        pieces += 1
        await new Promise((resolve) => setTimeout(resolve, 10))
        if (pieces === 30) break
      }
      expect(peak - before).toBeLessThan(60_000_000)
    })

    test('that is left early ends in the server, and the session says that it is closed', async () => {
      const session = await open()
      for await (const piece of session.copyOut(endless)) {
        expect(piece.length).toBeGreaterThan(0)
        break
      }
      await eventually('the server is idle', async () => (await busy()) === 0)
      await expect(session.query('select 1')).rejects.toMatchObject({ code: 'connect/lost' })
      await expect(gather(session.copyOut('copy pairs to stdout'))).rejects.toMatchObject({ code: 'connect/lost' })
    })

    test('that is aborted, ends, with its own signal or the session’s, before the first row or after', async () => {
      const statements = [endless, 'copy (select pg_sleep(600)) to stdout']
      for (const statement of statements) {
        for (const isOwn of [true, false]) {
          const abort = new AbortController()
          const session = await open(isOwn ? undefined : abort.signal)
          const reading = gather(session.copyOut(statement, isOwn ? abort.signal : undefined), () => abort.abort())
          setTimeout(() => abort.abort(), 30)
          await expect(reading).rejects.toMatchObject({ code: 'platform/deadline' })
          await expect(session.query('select 1')).rejects.toBeInstanceOf(TransferError)
        }
      }
      await eventually('the server is idle', async () => (await busy()) === 0)
    })

    test('that fails in the middle throws behind the rows that came, and the session goes on', async () => {
      const session = await open()
      const statement = "copy (select repeat('x', 1000) || 1 / (50000 - i) from generate_series(1, 60000) i) to stdout"
      await expect(gather(session.copyOut(statement))).rejects.toMatchObject({ context: { sqlstate: '22012' } })
      expect((await session.query('select 1 as one')).rows).toEqual([{ one: 1 }])
    })

    test('whose backend is terminated is `connect/lost`', async () => {
      const session = await open()
      const pid = await pidOf(session)
      const terminate = async () => void (await sql.query('select pg_terminate_backend($1)', [pid]))
      await expect(gather(session.copyOut(endless), terminate)).rejects.toMatchObject({ code: 'connect/lost' })
    })

    test('of a text with more statements behind it does not end the process', async () => {
      const session = await open()
      const text = 'copy (select 1) to stdout; select 2; copy pairs to stdout; copy pairs from stdin'
      await gather(session.copyOut(text)).catch(() => undefined)
      await session.query('select 1').catch(() => undefined)
      expect(uncaught).toEqual([])
    })
  })

  describe('an abort', () => {
    test('ends a statement that waits for a lock, here and in the server', async () => {
      const abort = new AbortController()
      const holder = await open()
      const session = await open(abort.signal)
      await holder.query('begin')
      await holder.query('lock table pairs')
      const waiter = session.query('select * from pairs').catch((error: unknown) => error)
      await eventually('the query waits', async () => (await waiting()) > 0)
      abort.abort()
      expect(await waiter).toMatchObject({ code: 'platform/deadline' })
      await eventually('nobody waits', async () => (await waiting()) === 0)
      await expect(session.query('select 1')).rejects.toMatchObject({ code: 'platform/deadline' })
    })

    test('in the middle of a transaction rolls it back', async () => {
      const abort = new AbortController()
      const session = await open(abort.signal)
      const work = session.transaction(async () => {
        await session.query("insert into pairs values (1, 'a')")
        abort.abort()
      })
      await expect(work).rejects.toMatchObject({ code: 'platform/deadline' })
      await eventually('the server is idle', async () => (await busy()) === 0)
      expect(await count()).toBe(0)
    })
  })
})

async function* lines(all: readonly string[]): AsyncGenerator<Uint8Array> {
  for (const line of all) yield Buffer.from(`${line}\n`)
}

async function gather(
  pieces: AsyncIterable<Uint8Array>,
  onFirst: () => unknown = () => undefined,
): Promise<Uint8Array[]> {
  const all: Uint8Array[] = []
  for await (const piece of pieces) {
    if (all.length === 0) await onFirst()
    if (all.length < 1_000) all.push(piece)
  }
  return all
}

const never = () => new Promise<never>(() => undefined)

async function eventually(what: string, check: () => Promise<boolean>): Promise<void> {
  const until = Date.now() + 10_000
  while (!(await check())) {
    if (Date.now() > until) throw new Error(`not within 10 s: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
