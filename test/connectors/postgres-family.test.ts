import { setMaxListeners } from 'node:events'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { copyText, defaultCsv } from '../../shared/codecs/encoding.ts'
import { reader as adbpgReader, writer as adbpgWriter } from '../../shared/connectors/adbpg.ts'
import type { ConnectorContext, CopyTarget, Slice, Source } from '../../shared/connectors/contract.ts'
import { reader, writer } from '../../shared/connectors/postgresql.ts'
import { asTransferError } from '../../shared/errors/index.ts'
import type { SqlSession } from '../../shared/ports/index.ts'
import { password, startTestServer, type TestServer } from '../contract/postgres-server.ts'
import { describeReader, type SeedRow } from '../contract/reader.ts'
import { describeWriter } from '../contract/writer.ts'
import { currentPackage } from '../support/postgres.ts'

let server: TestServer
let session: SqlSession
beforeAll(async () => {
  server = await startTestServer()
  session = await server.connect()
})
afterAll(async () => {
  await session[Symbol.asyncDispose]()
  await server.close()
})

const contextOf = (signal: AbortSignal): ConnectorContext => ({
  openStore: () => Promise.reject(new Error('no store here')),
  connectSql: (connection) => server.connect(connection, signal),
  connectMysql: () => Promise.reject(new Error('no MySQL here')),
  log: server.log,
  signal,
})
const never = new AbortController().signal
setMaxListeners(0, never)
const secrets = [password, 'wrong-horse-battery']
type ReaderInput = Record<string, unknown> & { connection: TestServer['connection'] }
const wrong = <O extends { connection: unknown }>(options: O): O => ({
  ...options,
  connection: { ...server.connection, password: 'env:WRONG_PASSWORD' },
})

describeReader(reader as never, {
  wrongPasswordCode: 'connect/wrong-credentials',
  start: async () => ({
    context: contextOf,
    oracle: await server.connect(),
    log: server.log,
    secrets,
    withWrongPassword: (options: ReaderInput) => wrong(options),
    async seed(rows: readonly SeedRow[]) {
      await session.query('create table if not exists seeded (id bigint, name text)')
      await session.query('delete from seeded')
      for (const row of rows) await session.query('insert into seeded values ($1, $2)', row)
      return { connection: server.connection, table: 'seeded', column: ['*'], splitPk: 'id' }
    },
    async seedLarge() {
      await session.query('create table if not exists large (id bigint, name text)')
      await session.query("insert into large select i, repeat('x', 3000) from generate_series(1, 15000) i")
      return { connection: server.connection, table: 'large', column: ['*'] }
    },
  }),
})

describeWriter(writer as never, {
  kind: 'copy',
  wrongPasswordCode: 'connect/wrong-credentials',
  start: async () => ({
    context: contextOf,
    session: await server.connect(),
    log: server.log,
    secrets,
    withWrongPassword: (options: ReaderInput) => wrong(options),
    async fresh() {
      await session.query('drop table if exists written')
      await session.query('create table written (id text, name text)')
      return { connection: server.connection, table: 'public.written', column: ['*'] }
    },
  }),
})

const open = (parameters: Record<string, unknown>): Promise<Source> =>
  adbpgReader.open(
    adbpgReader.options.parse({ connection: server.connection, column: ['*'], ...parameters }),
    contextOf(never),
  )
const openWriter = async (parameters: Record<string, unknown>): Promise<CopyTarget> =>
  (await adbpgWriter.open(
    adbpgWriter.options.parse({ connection: server.connection, column: ['*'], ...parameters }),
    contextOf(never),
  )) as CopyTarget

async function textOf(source: Source, slice: Slice): Promise<string> {
  const { body } = await source.read(slice, source.offer(defaultCsv), never)
  const pieces: Uint8Array[] = []
  for await (const piece of body) pieces.push(piece)
  return Buffer.concat(pieces).toString()
}
const failure = (work: Promise<unknown>) => work.then(() => null, asTransferError)

describe.each([undefined, currentPackage])('reading on from a mark (%s)', (packageName) => {
  test("is the server's own comparison and text, whatever its version", async () => {
    const postgres = packageName === undefined ? server : await startTestServer(packageName)
    onTestFinished(async () => {
      if (postgres !== server) await postgres.close()
    })
    await using sql = await postgres.connect()
    await sql.query('create table marked (id integer, n numeric, at timestamptz(6), word text)')
    await sql.query(
      `insert into marked values (1, 1e-30, '2026-01-01 00:00:00.000001+08', 'a'), (2, 1.5, '-infinity', E'b\\\\''')`,
    )
    await sql.query(`insert into marked values (3, '-1e300', '0044-03-15 BC', null)`)
    const context = { ...contextOf(never), connectSql: () => postgres.connect() }
    for (const [column, high] of [
      ['n', '1.5'],
      ['at', '2025-12-31 16:00:00.000001+00'],
      ['word', "b\\'"],
    ] as const) {
      const options = { connection: server.connection, table: 'marked', column: ['id'], incremental: { column } }
      await using source = await reader.open(reader.options.parse(options), context)
      const asked = await source.askIncrement?.({ low: null, lowIncluded: true })
      expect(asked?.increment.high).toBe(high)
      const split = { concurrent: 1, targetBytes: 1e9, arrived: null, increment: asked?.increment ?? null }
      const { slices } = await source.split(split)
      const ids = (await textOf(source, slices[0]?.slice ?? { by: 'none' })).trim().split('\n')
      expect(ids.sort(), column).toEqual(column === 'word' ? ['1', '2'] : ['1', '2', '3'])
      const behind = await source.askIncrement?.({ low: high, lowIncluded: false })
      expect(behind?.increment.high).toBeNull()
      await sql.query("update marked set n = 'NaN', at = 'infinity' where id = 3")
      if (column !== 'word')
        expect(
          await failure(source.askIncrement?.({ low: high, lowIncluded: false }) as Promise<unknown>),
        ).toMatchObject({ code: 'job/invalid' })
      await sql.query("update marked set n = '-1e300', at = '0044-03-15 BC' where id = 3")
    }
  })
})

describe('splitting', () => {
  beforeAll(async () => {
    await session.query('create table keyed (id integer primary key, pad text)')
    await session.query("insert into keyed select i, repeat('x', 100) from generate_series(1, 2000) i")
    await session.query('create table "Odd Names" ("Id" bigint, "select" text, gp_segment_id integer)')
    await session.query(`insert into "Odd Names" select i, 'a', i % 3 from generate_series(1, 30) i`)
    await session.query('analyze')
  })

  test('a table smaller than one slice is one slice, with the numbers', async () => {
    await using source = await open({ table: 'keyed' })
    const { slices, decisions } = await source.split({
      concurrent: 4,
      targetBytes: 64 * 1024 ** 2,
      arrived: null,
      increment: null,
    })
    expect(slices).toHaveLength(1)
    expect(decisions[0]).toMatchObject({
      what: 'one slice',
      why: expect.stringMatching(/table \d+ kB is smaller than 64 MB/),
    })
  })

  test('a primary key of one integer column is found by itself, and a not null key has no slice for nulls', async () => {
    await using source = await open({ table: 'keyed' })
    const { slices } = await source.split({ concurrent: 4, targetBytes: 32 * 1024, arrived: null, increment: null })
    expect(slices.length).toBeGreaterThanOrEqual(4)
    expect(slices.some(({ slice }) => slice.by === 'null')).toBe(false)
    const texts = await Promise.all(slices.map(({ slice }) => textOf(source, slice)))
    expect(texts.join('').trim().split('\n')).toHaveLength(2000)
  })

  test('a row beyond the bounds seen while planning is in exactly one slice', async () => {
    await using source = await open({ table: 'keyed' })
    const { slices } = await source.split({ concurrent: 4, targetBytes: 32 * 1024, arrived: null, increment: null })
    await session.query("insert into keyed values (-5, 'low'), (999999, 'high')")
    const texts = await Promise.all(slices.map(({ slice }) => textOf(source, slice)))
    await session.query('delete from keyed where id in (-5, 999999)')
    expect(texts.join('').trim().split('\n')).toHaveLength(2002)
  })

  test('a splitPk that is no integer is passed over with its type', async () => {
    await using source = await open({ table: 'keyed', splitPk: 'pad' })
    const { decisions } = await source.split({ concurrent: 2, targetBytes: 1024, arrived: null, increment: null })
    expect(decisions[0]).toMatchObject({ what: 'splitPk pad is not used', why: expect.stringContaining('text') })
  })

  test('a splitPk that is no column names those there are', async () => {
    await using source = await open({ table: 'keyed', splitPk: 'idd' })
    const error = await failure(source.split({ concurrent: 2, targetBytes: 1024, arrived: null, increment: null }))
    expect(error).toMatchObject({ code: 'source/column-missing', message: expect.stringContaining('id, pad') })
  })

  test('a view has no size, so splitPk cuts it by what may run side by side', async () => {
    await session.query('create or replace view keyed_view as select * from keyed')
    await using source = await open({ table: 'keyed_view', splitPk: 'id' })
    const { slices } = await source.split({
      concurrent: 2,
      targetBytes: 64 * 1024 ** 2,
      arrived: null,
      increment: null,
    })
    expect(slices.filter(({ slice }) => slice.by === 'keys')).toHaveLength(10)
  })

  test('partitions count for the size of their table', async () => {
    await session.query('create table parts (id integer, pad text) partition by range (id)')
    await session.query('create table parts_1 partition of parts for values from (0) to (100000)')
    await session.query("insert into parts select i, repeat('x', 100) from generate_series(1, 2000) i")
    await using source = await open({ table: 'parts', splitPk: 'id' })
    const { slices } = await source.split({ concurrent: 2, targetBytes: 32 * 1024, arrived: null, increment: null })
    expect(slices.length).toBeGreaterThan(5)
  })

  test('where narrows the bounds and every slice, and a comment in it hides nothing', async () => {
    await using source = await open({ table: 'keyed', where: 'id <= 10 or id > 1990 -- both ends' })
    const { slices } = await source.split({ concurrent: 4, targetBytes: 32 * 1024, arrived: null, increment: null })
    const texts = await Promise.all(slices.map(({ slice }) => textOf(source, slice)))
    expect(texts.join('').trim().split('\n')).toHaveLength(20)
  })

  test('a slice by segment reads the rows of that segment', async () => {
    await using source = await open({ table: '"Odd Names"' })
    const texts = await Promise.all([0, 1, 2].map((segment) => textOf(source, { by: 'segment', segment })))
    expect(texts.map((text) => text.trim().split('\n').length)).toEqual([10, 10, 10])
  })

  test('a forged slice is refused and never becomes SQL', async () => {
    await using source = await open({ table: 'keyed' })
    for (const forged of [
      { by: 'keys', column: 'id', from: '1; drop table keyed', to: null },
      { by: 'segment', segment: '0 or true' },
      { by: 'else' },
    ]) {
      expect(await failure(textOf(source, forged as Slice))).toMatchObject({ code: 'event/invalid' })
    }
  })
})

describe('what is read', () => {
  test('columns are SQL of the author, described by the server without running them', async () => {
    await using source = await open({
      table: 'keyed',
      column: ['id', '\'a,b\' as "x""y"', 'null', 'now()::date as day', 'id::numeric(8,2) as n'],
    })
    expect(await source.columns()).toEqual([
      { name: 'id', type: 'integer', nullable: true },
      { name: 'x"y', type: 'text', nullable: true },
      { name: '?column?', type: 'text', nullable: true },
      { name: 'day', type: 'date', nullable: true },
      { name: 'n', type: 'numeric', nullable: true },
    ])
  })

  test('* is the columns of the table in their order, with types as the server prints them', async () => {
    await using source = await open({ table: '"Odd Names"' })
    expect((await source.columns())?.map(({ name, type }) => [name, type])).toEqual([
      ['Id', 'bigint'],
      ['select', 'text'],
      ['gp_segment_id', 'integer'],
    ])
  })

  test('querySql overrides the rest, may end with a semicolon, and is one slice', async () => {
    await using source = await open({
      table: 'nothing',
      querySql: 'with x as (select 1 as a) select a, a + 1 as b from x ; ',
    })
    expect((await source.columns())?.map((column) => column.name)).toEqual(['a', 'b'])
    const { slices } = await source.split({ concurrent: 4, targetBytes: 1, arrived: null, increment: null })
    expect(await textOf(source, slices[0]?.slice ?? {})).toBe('1,2\n')
  })

  test.each([
    [{ table: 'keyd' }, 'source/table-missing', /did you mean public\.keyed/],
    [{ table: 'Odd Names' }, 'source/table-missing', /public\."Odd Names"/],
    [{ table: 'keyed', column: ['id', 'padd'] }, 'source/column-missing', /padd; it has id, pad/],
    [{ table: 'keyed', column: ['1/0 as x'] }, 'source/sql-failed', /division by zero/],
    [{ querySql: 'selec 1' }, 'source/sql-failed', /syntax error/],
  ])('%o fails with %s', async (parameters, code, message) => {
    await using source = await open(parameters)
    const work = async () => {
      await source.columns()
      await textOf(source, { by: 'whole' })
    }
    expect(await failure(work())).toMatchObject({ code, message: expect.stringMatching(message) })
  })

  test('of several tables the nearest is named first', async () => {
    for (const name of ['a_near_table', 'b_near_table']) await session.query(`create table ${name} (n integer)`)
    await using source = await open({ table: 'b_near_tablex' })
    expect(await failure(source.columns())).toMatchObject({
      message: expect.stringMatching(/did you mean public\.b_near_table, public\.a_near_table\?/),
    })
  })

  test('a reader writes nothing, whatever its SQL says', async () => {
    await session.query('create table witness (n integer)')
    await session.query(`create function leave_trace() returns integer language sql as
      'insert into witness values (1) returning n'`)
    await using source = await open({ querySql: 'select leave_trace()' })
    expect(await failure(textOf(source, { by: 'whole' }))).not.toBeNull()
    expect((await session.query('select 1 from witness')).rows).toEqual([])
  })

  test('a snapshot whose holder has ended is lost, and said to be', async () => {
    await using source = await open({ table: 'keyed' })
    const held = await source.holdSnapshot?.()
    const token = held?.token ?? ''
    await held?.[Symbol.asyncDispose]()
    expect(await failure(textOf(source, { by: 'whole', snapshot: token }))).toMatchObject({ code: 'run/snapshot-lost' })
  })

  test('sessions are closed, also when a reader leaves early', async () => {
    const source = await open({ table: 'keyed' })
    await source.columns()
    const { body } = await source.read({ by: 'whole' }, copyText, never)
    for await (const _ of body) break
    await source[Symbol.asyncDispose]()
    await expect
      .poll(async () => {
        const { rows } = await session.query<{ count: string }>(
          `select count(*) from pg_stat_activity where application_name = 'adbpg-sync-test' and query like '%keyed%'
             and pid <> pg_backend_pid()`,
        )
        return Number(rows[0]?.count)
      })
      .toBe(0)
  })
})

describe('the writer', () => {
  test('names find their columns exactly, or else folded as SQL does', async () => {
    const target = await openWriter({ table: '"Odd Names"', column: ['SELECT', 'Id'] })
    expect((await target.columns()).map((column) => column.name)).toEqual(['select', 'Id'])
  })

  test('* leaves out generated columns, which COPY cannot write', async () => {
    await session.query('create table computed (a integer not null, b integer generated always as (a * 2) stored)')
    const target = await openWriter({ table: 'computed' })
    expect(await target.columns()).toEqual([{ name: 'a', type: 'integer', nullable: false }])
  })

  test.each([
    [{ table: 'nowhere.computed' }, 'target/table-missing', /public\.computed/],
    [{ table: 'computed', column: ['c'] }, 'target/column-missing', /no column c; it has a, b/],
    [{ table: 'computed', column: ['a', 'A'] }, 'job/invalid', /named twice/],
  ])('%o fails with %s', async (parameters, code, message) => {
    const target = await openWriter(parameters)
    expect(await failure(target.columns())).toMatchObject({ code, message: expect.stringMatching(message) })
  })

  test('@table in preSql and postSql is the table with its schema', async () => {
    const target = await openWriter({
      table: 'public.computed',
      preSql: 'truncate @table',
      postSql: ['analyze @table', ''],
    })
    expect(target.preSql).toEqual(['truncate "public"."computed"'])
    expect(target.postSql).toEqual(['analyze "public"."computed"'])
  })

  test.each([
    [{ writeMode: 'mirror' }, /replace/],
    [{ writeMode: 'upsert', conflictMode: 'ignore' }, /replace and ignore/],
    [{ conflictMode: 'replace', ignoreInsert: true }, /replace and ignore/],
    [{ colum: ['*'] }, /colum/],
    [{ column: [] }, /column names/],
  ])('%o is refused with a reason', (parameters, reason) => {
    const result = adbpgWriter.options.safeParse({
      connection: server.connection,
      table: 't',
      column: ['*'],
      ...parameters,
    })
    expect(JSON.stringify(result.error?.issues)).toMatch(reason)
  })

  test('what DataX scripts carry along is accepted', () => {
    const options = adbpgWriter.options.parse({
      connection: server.connection,
      table: ['t'],
      column: ['*'],
      writeMode: 'INSERT',
      conflictMode: 'report',
      batchSize: '1024',
      envType: 0,
      preSql: '',
    })
    expect(options).toMatchObject({ table: 't', writeMode: 'insert', conflictMode: 'reject', preSql: [] })
  })

  test('only adbpg keeps the ledger of its jobs', () => {
    expect(adbpgWriter.ledger?.({ connection: server.connection } as never)).toEqual(server.connection)
    expect(writer.ledger).toBeNull()
  })
})
