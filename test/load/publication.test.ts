import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { defaultCsv } from '../../shared/codecs/encoding.ts'
import { readPublicationFacts } from '../../shared/connectors/sql/publication-facts.ts'
import { asTransferError } from '../../shared/errors/index.ts'
import type { ConflictRule } from '../../shared/load/merge.ts'
import { type Overwrite, type PublicationFacts, planPublication } from '../../shared/load/publication.ts'
import { appendRecords } from '../../shared/load/put-records.ts'
import type { SqlSession } from '../../shared/ports/index.ts'
import { startTestServer, type TestServer } from '../contract/postgres-server.ts'
import { currentPackage } from '../support/postgres.ts'

const packages = [
  ['PostgreSQL 12, the kernel of ADBPG 7.0', undefined],
  ['a current PostgreSQL', currentPackage],
] as const
const ways = [
  ['with ON CONFLICT', true],
  ['without ON CONFLICT', false],
] as const

const table = { schema: 'public', table: 't' }
const staging = { schema: 'public', table: 'rows_of_run' }
const columns = ['id', 'note', 'n']

const targets = {
  'with a key': 'create table t (id integer primary key, note text, n integer default 7)',
  'without a key': 'create table t (id integer, note text, n integer default 7)',
  partitioned: `create table t (id integer primary key, note text, n integer default 7) partition by range (id);
    create table t_low partition of t for values from (minvalue) to (10);
    create table t_high partition of t for values from (10) to (maxvalue)`,
} as const
type Kind = keyof typeof targets

const before = "(1, 'old', 1), (2, 'old', 2), (11, 'old', 11)"
const was = ['1 old 1', '2 old 2', '11 old 11']

const modes: Record<string, ConflictRule | null> = {
  reject: null,
  replace: { on: 'replace', keys: ['id'], update: null },
  ignore: { on: 'ignore', keys: ['id'], update: null },
}
const forms: Record<string, Overwrite | null> = {
  atomic: null,
  table: { of: 'table' },
  partition: { of: 'partition', name: 't_low' },
  rows: { of: 'rows', where: 'id < 10 -- the low ones' },
}

/** Records 2 and 3, each twice where a merge decides between them. Rows afterwards, in words anybody can check. */
const after: Record<string, Record<string, readonly string[]>> = {
  atomic: {
    reject: [...was, '3 first 30', '4 only 40'],
    replace: ['1 old 1', '2 last 21', '11 old 11', '3 last 31'],
    ignore: [...was, '3 first 30'],
  },
  table: {
    reject: ['3 first 30', '4 only 40'],
    replace: ['2 last 21', '3 last 31'],
    ignore: ['2 first 20', '3 first 30'],
  },
  partition: {
    reject: ['11 old 11', '3 first 30', '4 only 40'],
    replace: ['11 old 11', '2 last 21', '3 last 31'],
    ignore: ['11 old 11', '2 first 20', '3 first 30'],
  },
}
const records = (mode: string) =>
  mode === 'reject' ? '3,first,30\n4,only,40\n' : '2,first,20\n3,first,30\n2,last,21\n3,last,31\n'

describe.each(packages)('on %s', (_server, packageName) => {
  let server: TestServer
  let sql: SqlSession
  beforeAll(async () => {
    server = await startTestServer(packageName)
    sql = await server.connect()
  })
  afterAll(async () => {
    await sql[Symbol.asyncDispose]()
    await server.close()
  })

  async function fresh(ddl: string, rows = before) {
    await sql.query('drop table if exists t cascade')
    await sql.query('drop table if exists rows_of_run')
    for (const statement of ddl.split(';')) await sql.query(statement)
    if (rows !== '') await sql.query(`insert into t values ${rows}`)
  }
  const contents = async () =>
    (await sql.query<{ line: string }>("select concat_ws(' ', id, note, n) as line from t order by id, n")).rows.map(
      ({ line }) => line,
    )
  const sorted = (lines: readonly string[]) =>
    [...lines].sort((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10) || a.localeCompare(b))

  async function planOf(rule: ConflictRule | null, overwrite: Overwrite | null, onConflict = true, loaded = columns) {
    const facts = await readPublicationFacts(sql, table, overwrite)
    const plan = planPublication({ columns: loaded, rule, overwrite, facts, onConflict, hasSegments: false, staging })
    if ('refusal' in plan) throw new Error(plan.refusal)
    return plan
  }
  async function* once(text: string): AsyncIterable<Uint8Array> {
    yield Buffer.from(text)
  }
  type Plan = Awaited<ReturnType<typeof planOf>>
  async function collect(plan: Plan, csv: string, loaded = columns) {
    await sql.query(plan.create)
    await appendRecords(sql, staging, loaded, defaultCsv)(once(csv))
  }
  async function publish(plan: Plan, session = sql) {
    return await session.transaction(async () => {
      if (plan.lock !== null) await session.query(plan.lock)
      if (plan.remove !== null) await session.query(plan.remove)
      let rows = 0
      for (const statement of plan.insert) rows += (await session.query(statement)).rowCount
      if (plan.count !== null) rows = (await session.query<{ records: number }>(plan.count)).rows[0]?.records ?? 0
      await session.query(plan.drop)
      return rows
    })
  }

  describe.each(ways)('%s', (_way, onConflict) => {
    const cases = Object.keys(targets).flatMap((kind) =>
      Object.keys(forms).flatMap((form) => Object.keys(modes).map((mode) => [form, mode, kind as Kind] as const)),
    )
    const possible = cases.filter(([form, , kind]) => form !== 'partition' || kind === 'partitioned')

    it.each(possible)('%s, %s, %s: rows before and after', async (form, mode, kind) => {
      await fresh(targets[kind])
      const plan = await planOf(modes[mode] ?? null, forms[form] ?? null, onConflict)
      if (!onConflict) expect(plan.insert.join()).not.toMatch(/on conflict/)
      await collect(plan, records(mode))
      expect(await contents()).toEqual(sorted(was))
      const expected = after[form === 'rows' ? 'partition' : form]?.[mode] ?? []
      const changed = expected.filter((line) => !was.includes(line)).length
      expect(await publish(plan)).toBe(changed)
      expect(await contents()).toEqual(sorted(expected))
      const { rows: left } = await sql.query("select 1 as one from pg_class where relname = 'rows_of_run'")
      expect(left).toEqual([])
    })
  })

  it.each([
    ['a record of another partition', { of: 'partition', name: 't_low' }, '12,high,1\n', '23514'],
    ['a record that does not meet the condition', { of: 'rows', where: 'n > 0' }, '3,x,0\n', '23514'],
    ['a record of which the condition is not known', { of: 'rows', where: 'n > 0' }, '3,x,\n', '23514'],
    ['a key twice', { of: 'table' }, '3,x,1\n3,y,2\n', '23505'],
    ['NULL in a key', null, ',x,1\n', '23502'],
  ] as const)('%s is refused when it is collected', async (_what, overwrite, csv, sqlstate) => {
    await fresh(targets.partitioned)
    const error = await collect(await planOf(null, overwrite), csv).then(() => null, asTransferError)
    expect(error?.context.sqlstate).toBe(sqlstate)
  })

  it('columns that are not loaded get the defaults of the table, and generated ones are left out', async () => {
    await fresh(
      `create table t (id integer generated always as identity (start with 100), note text, n integer default 7,
         twice integer generated always as (n * 2) stored)`,
      '',
    )
    const plan = await planOf(null, { of: 'table' }, true, ['note'])
    await collect(plan, 'a\n', ['note'])
    expect(await publish(plan)).toBe(1)
    const given = await planOf(null, null, true, ['id', 'note'])
    await collect(given, '5,b\n', ['id', 'note'])
    expect(await publish(given)).toBe(1)
    const { rows } = await sql.query('select * from t order by id')
    expect(rows).toEqual([
      { id: 5, note: 'b', n: 7, twice: 14 },
      { id: 100, note: 'a', n: 7, twice: 14 },
    ])
    await expect(planOf(modes.replace ?? null, null)).rejects.toThrow(/identity; leave it out/)
  })

  it('of two that overwrite at once, the second replaces the rows of the first, and a reader waits for neither', async () => {
    await fresh(targets['without a key'])
    const plan = await planOf(null, { of: 'table' })
    await collect(plan, '3,first,30\n')
    await using other = await server.connect()
    const second = { ...plan, insert: ["insert into t values (4, 'second', 40)"], drop: 'select 1' }
    let going: Promise<number> | null = null
    await sql.transaction(async () => {
      await sql.query(plan.lock ?? '')
      await sql.query(plan.remove ?? '')
      await sql.query(plan.insert[0] ?? '')
      going = publish(second, other)
      await using reader = await server.connect()
      const waits = `select count(*)::integer as n from pg_locks where not granted and relation = 't'::regclass`
      while ((await reader.query<{ n: number }>(waits)).rows[0]?.n === 0);
      expect((await reader.query('select count(*)::integer as n from t')).rows).toEqual([{ n: 3 }])
    })
    await going
    expect(await contents()).toEqual(['4 second 40'])
  })

  it('names that need quotes are quoted, and a partition may bear them', async () => {
    const odd = { schema: 'public', table: 'T "x"; --' }
    await sql.query('drop table if exists "T ""x""; --"')
    await sql.query('create table "T ""x""; --" ("a ""b" integer primary key, "Day" date) partition by range ("a ""b")')
    await sql.query(`create table "p '1" partition of "T ""x""; --" for values from (0) to (10)`)
    await sql.query(`insert into "T ""x""; --" values (1, '2026-01-01')`)
    const overwrite = { of: 'partition', name: "p '1" } as const
    const names = ['a "b', 'Day']
    const facts = await readPublicationFacts(sql, odd, overwrite)
    const request = { columns: names, rule: null, overwrite, facts, onConflict: false, hasSegments: false, staging }
    const plan = planPublication(request)
    if ('refusal' in plan) throw new Error(plan.refusal)
    await sql.query('drop table if exists rows_of_run')
    await collect(plan, '2,2026-01-02\n', names)
    expect(await publish(plan)).toBe(1)
    const { rows } = await sql.query('select "a ""b" as id from "T ""x""; --"')
    expect(rows).toEqual([{ id: 2 }])
    await sql.query('drop table "T ""x""; --"')
  })

  it('a partition that is not there is refused with those that are; so is what is no table', async () => {
    await fresh(
      `create table t (id integer, day date) partition by range (day);
      create table "T 2025" partition of t for values from ('2025-01-01') to ('2026-01-01') partition by list (id);
      create table t_1_prt_p2026 partition of t for values from ('2026-01-01') to ('2027-01-01');
      create table t_deep partition of "T 2025" for values in (1)`,
      '',
    )
    const of = (name: string) => readPublicationFacts(sql, table, { of: 'partition', name })
    await expect(of('p2027')).rejects.toThrow(
      /no partition is called p2027; public.t has T 2025, t_1_prt_p2026, t_deep/,
    )
    const placeOf = async (name: string) => (await of(name)).place.table
    expect(await placeOf('p2026')).toBe('t_1_prt_p2026')
    expect(await placeOf('"T 2025"')).toBe('T 2025')
    expect(await placeOf('PUBLIC.T_DEEP'.toLowerCase())).toBe('t_deep')
    const unplaced = planOf(null, { of: 'partition', name: 'p2026' }, true, ['id'])
    await expect(unplaced).rejects.toThrow(/column day must be among/)
    await sql.query('drop table t')
    await sql.query('create view t as select 1 as id')
    await expect(readPublicationFacts(sql, table, { of: 'table' })).rejects.toThrow(/is a view/)
    await sql.query('drop view t')
  })
})

it('on segments, the rows are collected where they belong, and no key is asked of a table without distribution', () => {
  const facts: PublicationFacts = {
    uniqueKeys: [['id']],
    distributedBy: ['id'],
    partitionedBy: [],
    checks: [],
    columns: columns.map((name) => ({ name, type: 'text', nullable: true, identityAlways: false })),
    place: table,
    bounds: null,
  }
  const request = { columns, rule: null, overwrite: null, facts, onConflict: false, hasSegments: true, staging }
  expect(planPublication(request)).toMatchObject({
    create: expect.stringMatching(/unique \("id"\)\n\) distributed by \("id"\)$/),
  })
  const replicated = planPublication({ ...request, facts: { ...facts, distributedBy: [] } })
  expect(replicated).toMatchObject({ create: expect.stringMatching(/distributed randomly$/) })
  expect(JSON.stringify(replicated)).not.toMatch(/unique/)
})
