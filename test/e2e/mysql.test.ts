import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { StartEvent } from '../../shared/run/events.ts'
import type { RunReport } from '../../shared/run/report.ts'
import { reportRun } from '../../shared/run/report.ts'
import { startJob } from '../../shared/run/start-job.ts'
import { datasourceKey } from '../../shared/staging/keys.ts'
import { ample, deliverTwice } from '../support/deliveries.ts'
import { eventually } from '../support/fc.ts'
import { startMariadb, type TestMariadb } from '../support/mariadb.ts'
import { testPassword } from '../support/postgres.ts'
import { dataxJob, dirtyOf, intoAdbpg, startTestStack, type TestStack, unique } from '../support/stack.ts'
import { notes, transform } from '../support/transformed.ts'

const mariadb = await startMariadb()
const without = typeof mariadb === 'string' ? mariadb : null
const server = mariadb as TestMariadb

/** The whole way between MySQL and ADBPG, by scripts of both formats, on a real MariaDB. */
describe.skipIf(without !== null)(`MySQL${without === null ? '' : `: ${without}`}`, () => {
  let stack: TestStack
  beforeAll(async () => {
    stack = await startTestStack({ MYSQL_PASSWORD: testPassword })
    const { host, port, database, user } = server.connection
    const datasource = { type: 'mysql', host, port, database, username: user, password: 'env:MYSQL_PASSWORD' }
    await stack.world.store.put(datasourceKey('my_local'), Buffer.from(JSON.stringify(datasource)))
  })
  afterAll(async () => {
    await stack?.close()
    await server.close()
  })

  const rows = 2500
  const query = async (text: string) => (await server.session.query(text))[0] as Record<string, unknown>[]

  const fromMysql = (table: string, more: Record<string, unknown> = {}) => ({
    name: 'mysqlreader',
    parameter: { datasource: 'my_local', table, column: ['*'], splitPk: 'id', ...more },
  })
  const fromAdbpg = (table: string) => ({
    name: 'adbpgreader',
    parameter: { datasource: 'adbpg_local', table: `public.${table}`, column: ['*'], splitPk: 'id' },
  })
  const intoMysql = (table: string, more: Record<string, unknown> = {}) => ({
    name: 'mysqlwriter',
    parameter: { datasource: 'my_local', table, column: ['*'], ...more },
  })

  async function filledMysql(): Promise<string> {
    const table = unique('my')
    await query(
      `create table ${table} (id bigint unsigned primary key, note varchar(200), at datetime(3)) character set utf8mb4`,
    )
    await query(`insert into ${table} select seq, concat('note "', seq, '"\\n\\\\ 💾', repeat('x', seq % 50)),
      '2024-01-01' + interval seq second from seq_1_to_${rows}`)
    await query(`analyze table ${table}`)
    await stack.sql(`create table public.${table} (id bigint, note text, at timestamp)`)
    return table
  }

  async function filledAdbpg(): Promise<string> {
    const table = unique('my')
    await stack.sql(`create table public.${table} (id bigint primary key, note text, ok boolean, at timestamptz)`)
    await stack.sql(`insert into public.${table} select n, 'note ' || n || E' ''\\\\\\n' || repeat('z', n % 60), n % 2 = 0,
      '2024-01-01 00:00+00'::timestamptz + n * interval '1 second' from generate_series(1, ${rows}) n`)
    // No key, so that a row that is there twice would be seen.
    await query(
      `create table ${table} (id bigint, note varchar(100), ok tinyint(1), at datetime) character set utf8mb4`,
    )
    return table
  }

  const inAdbpg = async (table: string) =>
    (
      await stack.sql(
        `select count(*)::integer as n, count(distinct id)::integer as ids, min(id)::integer as low, max(id)::integer as high from public.${table}`,
      )
    )[0]
  const inMysql = async (table: string) =>
    (
      await query(
        `select count(*) as n, count(distinct id) as ids, cast(min(id) as int) as low, cast(max(id) as int) as high from ${table}`,
      )
    )[0]
  const whole = { n: rows, ids: rows, low: 1, high: rows }
  const succeeded = { state: 'succeeded', rows: { read: rows, loaded: rows, dirty: 0, filtered: 0 }, error: null }

  it('is read by a DataX script with a URL, in slices of its key', async () => {
    const table = await filledMysql()
    const { host, port, database, user } = server.connection
    const reader = {
      name: 'mysqlreader',
      parameter: {
        username: user,
        password: 'env:MYSQL_PASSWORD',
        column: ['id', 'note', 'at'],
        splitPk: 'id',
        where: 'id > 0',
        connection: [
          {
            jdbcUrl: [
              `jdbc:mysql://${host}:${port}/${database}?useSSL=false&serverTimezone=Asia/Shanghai&tinyInt1isBit=false`,
            ],
            table: [table],
          },
        ],
      },
    }
    const report = await stack.run({ job: dataxJob(table, reader, intoAdbpg(`public.${table}`)) })
    expect(report).toMatchObject(succeeded)
    expect(report.chunks).toBeGreaterThan(3)
    expect(report.decisions.map(({ what }) => what)).toContain('slices are read at different times')
    expect(await inAdbpg(table)).toEqual(whole)
    const [row] = await stack.sql(`select note, at::text from public.${table} where id = 7`)
    expect(row).toEqual({ note: 'note "7"\n\\ 💾xxxxxxx', at: '2024-01-01 00:00:07' })
  })

  const dataworks = (table: string, reader: [string, object], writer: [string, object]) => ({
    name: table,
    script: {
      type: 'job',
      version: '2.0',
      steps: [
        { stepType: reader[0], parameter: reader[1], name: 'Reader', category: 'reader' },
        { stepType: writer[0], parameter: writer[1], name: 'Writer', category: 'writer' },
      ],
      setting: { errorLimit: { record: '0' }, speed: { concurrent: 2, throttle: false } },
      order: { hops: [{ from: 'Reader', to: 'Writer' }] },
    },
  })

  it('is read and written by DataWorks scripts', async () => {
    const table = await filledMysql()
    const adbpg = { datasource: 'adbpg_local', table: `public.${table}`, column: ['*'] }
    const connection = [{ datasource: 'my_local', table: [table] }]
    const job = dataworks(
      table,
      ['mysql', { connection, column: ['*'], encoding: 'UTF-8', splitPk: '' }],
      ['adbpg', adbpg],
    )
    expect(await stack.run({ job })).toMatchObject(succeeded)
    expect(await inAdbpg(table)).toEqual(whole)
    const back = `${table}_back`
    await query(`create table ${back} like ${table}`)
    const my = { datasource: 'my_local', table: back, column: ['*'], writeMode: 'replace', batchSize: '100' }
    const second = dataworks(back, ['adbpg', { ...adbpg, splitPk: 'id' }], ['mysql', my])
    expect(await stack.run({ job: second })).toMatchObject(succeeded)
    expect(
      await query(`select * from ${back} where (id, note, at) not in (select id, note, at from ${table})`),
    ).toEqual([])
    expect(await inMysql(back)).toEqual(whole)
  })

  it('has records that PostgreSQL cannot hold: each is dirty with its column, and the others are loaded', async () => {
    const table = await filledMysql()
    await query(`update ${table} set note = concat('a', char(0), 'b') where id % 1000 = 7`)
    await query(`update ${table} set id = 18446744073709551615 where id = 5`)
    const settings = { errorLimit: { record: 10 }, speed: { channel: 2 } }
    const report = await stack.run({ job: dataxJob(table, fromMysql(table), intoAdbpg(`public.${table}`), settings) })
    expect(report).toMatchObject({ state: 'succeeded', rows: { read: rows, loaded: rows - 4, dirty: 4, filtered: 0 } })
    const dirty = await dirtyOf(stack, report)
    expect(dirty.map(({ code, column }) => `${code} ${column}`).sort()).toEqual([
      'record/format id',
      ...Array<string>(3).fill('record/nul-byte note'),
    ])
    expect(
      dirty
        .filter(({ column }) => column === 'note')
        .every(({ raw, source }) => raw.includes('\0') && source === table),
    ).toBe(true)
    const strict = await stack.run({ job: dataxJob(unique('strict'), fromMysql(table), intoAdbpg(`public.${table}`)) })
    expect(strict).toMatchObject({ state: 'failed', error: { code: expect.stringMatching(/^record\//) } })
  })

  it('takes rows, with what becomes of booleans and instants; preSql and postSql run', async () => {
    const table = await filledAdbpg()
    await query(`insert into ${table} (id) values (-1)`)
    const writer = intoMysql(table, {
      preSql: ['delete from @table'],
      postSql: [`update @table set note = null where id = 1`],
    })
    const report = await stack.run({ job: dataxJob(table, fromAdbpg(table), writer) })
    expect(report).toMatchObject(succeeded)
    expect(report.chunks).toBeGreaterThan(3)
    expect(report.decisions).toContainEqual(
      expect.objectContaining({ what: `rows of a chunk are in test.${table} exactly once` }),
    )
    expect(await inMysql(table)).toEqual(whole)
    expect(await query(`select note, ok, cast(at as char) as at from ${table} where id in (1, 2) order by id`)).toEqual(
      [
        { note: null, ok: 0, at: '2024-01-01 00:00:01' },
        { note: "note 2 '\\\nzz", ok: 1, at: '2024-01-01 00:00:02' },
      ],
    )
    // What was remembered of the chunks is forgotten, once the run has ended.
    await eventually(async () => ((await query('select 1 from adbpg_sync_chunk')).length === 0 ? true : null))
  })

  it.each(['InnoDB', 'MyISAM'])('refuses rows one by one, each with its reason: %s', async (engine) => {
    const table = await filledAdbpg()
    await query(`alter table ${table} add primary key (id), engine = ${engine}, modify note varchar(65)`)
    await query(`insert into ${table} (id) values (30), (2000)`)
    await stack.sql(`update public.${table} set at = 'infinity' where id in (40, 2400)`)
    await stack.sql(`update public.${table} set at = '0044-03-15 BC' where id = 50`)
    const long =
      (
        await stack.sql<{ n: number }>(
          `select count(*)::integer as n from public.${table} where length(note) > 65 and id not in (30, 2000, 40, 2400, 50)`,
        )
      )[0]?.n ?? 0
    const settings = { errorLimit: { record: 1000 }, speed: { channel: 2 } }
    const report = await stack.run({ job: dataxJob(table, fromAdbpg(table), intoMysql(table), settings) })
    const dirty = long + 5
    expect(report).toMatchObject({ state: 'succeeded', rows: { read: rows, loaded: rows - dirty, dirty, filtered: 0 } })
    const reasons = await dirtyOf(stack, report)
    const of = (id: number) => reasons.find(({ raw }) => raw.startsWith(`${id}\t`))
    expect(of(30)).toMatchObject({
      code: 'record/constraint',
      sqlstate: '23000',
      reason: "Duplicate entry … for key 'PRIMARY'",
    })
    expect(of(40)).toMatchObject({ code: 'record/format', column: 'at' })
    expect(of(50)).toMatchObject({ code: 'record/format', column: 'at' })
    expect(reasons.filter(({ column }) => column === 'note')).toHaveLength(long)
    expect(await inMysql(table)).toMatchObject({ n: rows - dirty + 2, ids: rows - dirty + 2 })
  })

  it('keeps to errorLimit: the run fails, and of the chunk nothing is left', async () => {
    const table = await filledAdbpg()
    await query(`alter table ${table} modify note varchar(3)`)
    const report = await stack.run({ job: dataxJob(table, fromAdbpg(table), intoMysql(table)) })
    expect(report).toMatchObject({
      state: 'failed',
      error: { code: 'record/format', message: expect.stringMatching(/Data too long/) },
    })
    expect(await query(`select * from ${table}`)).toEqual([])
  })

  describe('a load that is killed', () => {
    it.each([
      'load/mid-copy',
      'load/after-copy',
      'load/between-commits',
      'load/after-commit',
      'finish/before-publish',
    ] as const)('at %s leaves every row in MySQL once', async (point) => {
      const table = await filledAdbpg()
      await stack.crashAt(point)
      const job = dataxJob(table, fromAdbpg(table), intoMysql(table))
      const report: RunReport = await stack.whileTicking(async () => stack.run({ job }))
      expect(await stack.crashed()).toBe(true)
      expect(report).toMatchObject(succeeded)
      expect(await inMysql(table)).toEqual(whole)
    })
  })

  it.each([1, 2, 3])(
    'events that come twice, at once and in any order, leave every row once (seed %i)',
    async (seed) => {
      const table = await filledAdbpg()
      const deliverer = deliverTwice(stack.world, { seed, copies: 2 })
      const job = dataxJob(table, fromAdbpg(table), intoMysql(table))
      const { runId } = await startJob(deliverer.world, StartEvent.parse({ job, idempotencyKey: table }), ample)
      await deliverer.drain()
      await using sql = await stack.world.connectSql(stack.adbpg, ample.signal)
      expect(await reportRun(sql, runId, new Date())).toMatchObject(succeeded)
      expect(await inMysql(table)).toEqual(whole)
      for (const one of deliverer.sent.filter(({ name }) => name === 'load')) await deliverer.execute(one)
      expect(await inMysql(table)).toEqual(whole)
    },
  )

  it('is read and written through the steps of a job, and what is read is loaded, left out or dirty', async () => {
    const { kept, counts } = notes(rows)
    const [table, back] = [unique('my'), unique('my')]
    for (const name of [table, back])
      await query(`create table ${name} (id int unsigned primary key, note varchar(200)) character set utf8mb4`)
    await query(`insert into ${table} select seq, case when seq % 5 = 0 then concat('drop ', seq)
      when seq % 500 = 7 then 'x' else concat('note "', seq, '",\\n\\\\😀') end from seq_1_to_${rows}`)
    await stack.sql(`create table public.${table} (id bigint primary key, note text)`)
    const settings = { errorLimit: { record: counts.dirty }, speed: { channel: 2 } }
    const late = { do: 'filter', column: 0, when: '>', value: '2400' }
    const into = intoAdbpg(`public.${table}`)
    const report = await stack.run({ job: { ...dataxJob(table, fromMysql(table), into, settings), transform } })
    expect(report).toMatchObject({ state: 'succeeded', rows: counts, error: null })
    const arrived = await stack.sql<{ note: string }>(`select note from public.${table} order by id`)
    expect(arrived.map(({ note }) => note)).toEqual(kept)
    const steps = [late, { do: 'digest', column: 1, algorithm: 'md5' }]
    const job = { ...dataxJob(back, fromAdbpg(table), intoMysql(back), settings), transform: steps }
    const second = await stack.run({ job })
    const { read, filtered } = second.rows
    expect(second).toMatchObject({ state: 'succeeded', rows: { read: kept.length, dirty: 0, loaded: read - filtered } })
    expect(filtered).toBeGreaterThan(0)
    const wrong = `select count(*) as n from ${back} join ${table} using (id)
      where id > 2400 or ${back}.note <> md5(substr(${table}.note, 3))`
    expect(await query(wrong)).toEqual([{ n: 0 }])
    expect((await query(`select count(*) as n from ${back}`))[0]).toEqual({ n: read - filtered })
  })
})
