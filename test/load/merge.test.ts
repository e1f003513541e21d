import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { defaultCsv } from '../../shared/codecs/encoding.ts'
import { readMergeFacts } from '../../shared/connectors/sql/merge-facts.ts'
import { loadIsolating } from '../../shared/load/isolate.ts'
import type { SourceRecord } from '../../shared/load/look-ahead.ts'
import { type ConflictRule, planMerge } from '../../shared/load/merge.ts'
import { appendRecords, mergeRecords } from '../../shared/load/put-records.ts'
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

const rule = (on: ConflictRule['on'], more: Partial<ConflictRule> = {}): ConflictRule => ({
  on,
  keys: null,
  update: null,
  ...more,
})

async function* once(text: string): AsyncIterable<Uint8Array> {
  yield Buffer.from(text)
}

/** Rows before, records, rows after: for each kind of target, on both kernels, with ON CONFLICT and without. */
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

  const targets = {
    'with a primary key': 'create table t (id integer primary key, note text, n integer default 7)',
    'with a unique index alone':
      'create table t (id integer, note text, n integer default 7); create unique index t_id on t (id)',
    'partitioned by its key': `create table t (id integer primary key, note text, n integer default 7) partition by range (id);
      create table t_low partition of t for values from (minvalue) to (3);
      create table t_high partition of t for values from (3) to (maxvalue)`,
  } as const

  const keyless = {
    'without a key': 'create table t (id integer, note text, n integer default 7)',
    'partitioned, without a key': `create table t (id integer, note text, n integer default 7) partition by range (id);
      create table t_low partition of t for values from (minvalue) to (3);
      create table t_high partition of t for values from (3) to (maxvalue)`,
  } as const

  async function fresh(ddl: string, rows = "(1, 'old one', 1), (2, 'old two', 2)") {
    await sql.query('drop table if exists t')
    for (const statement of ddl.split(';')) await sql.query(statement)
    if (rows !== '') await sql.query(`insert into t values ${rows}`)
  }
  const contents = async () => (await sql.query('select * from t order by 1, 2')).rows

  async function planOf(conflict: ConflictRule, columns: readonly string[], onConflict: boolean) {
    const table = { schema: null, table: 't' }
    const facts = await readMergeFacts(sql, table)
    return planMerge({ table, columns, rule: conflict, facts, onConflict, hasSegments: false })
  }
  async function merge(conflict: ConflictRule, columns: readonly string[], onConflict: boolean, csv: string) {
    const plan = await planOf(conflict, columns, onConflict)
    if ('refusal' in plan) throw new Error(plan.refusal)
    expect(plan.merge.join('\n').includes('on conflict')).toBe(onConflict && conflict.keys === null)
    return await sql.transaction(async () => await (await mergeRecords(sql, plan, columns, defaultCsv))(once(csv)))
  }

  describe.each(ways)('%s', (_way, onConflict) => {
    it.each(Object.entries(targets))(
      'replace, %s: the row is updated, the last of equal records wins',
      async (_kind, ddl) => {
        await fresh(ddl)
        const csv = '2,first,20\n5,new,50\n2,last,22\n5,newer,51\n6,,\n'
        expect(await merge(rule('replace'), ['id', 'note', 'n'], onConflict, csv)).toEqual({ copied: 5, loaded: 3 })
        expect(await contents()).toEqual([
          { id: 1, note: 'old one', n: 1 },
          { id: 2, note: 'last', n: 22 },
          { id: 5, note: 'newer', n: 51 },
          { id: 6, note: null, n: null },
        ])
      },
    )

    it.each(Object.entries(targets))(
      'ignore, %s: the row that is there stays, and the first of equal records',
      async (_kind, ddl) => {
        await fresh(ddl)
        const csv = '2,first,20\n5,new,50\n2,last,22\n5,newer,51\n'
        expect(await merge(rule('ignore'), ['id', 'note', 'n'], onConflict, csv)).toEqual({ copied: 4, loaded: 1 })
        expect(await contents()).toEqual([
          { id: 1, note: 'old one', n: 1 },
          { id: 2, note: 'old two', n: 2 },
          { id: 5, note: 'new', n: 50 },
        ])
      },
    )

    it.each(Object.entries(keyless))(
      'ignore, %s but by named columns: rows that are there stay, and the first of equal records',
      async (_kind, ddl) => {
        await fresh(ddl, "(1, 'old one', 1), (2, 'old two', 2), (2, 'its twin', 3)")
        const conflict = rule('ignore', { keys: ['id'] })
        const csv = '2,first,20\n5,new,50\n2,last,22\n5,newer,51\n'
        expect(await merge(conflict, ['id', 'note', 'n'], onConflict, csv)).toEqual({ copied: 4, loaded: 1 })
        expect(await contents()).toEqual([
          { id: 1, note: 'old one', n: 1 },
          { id: 2, note: 'its twin', n: 3 },
          { id: 2, note: 'old two', n: 2 },
          { id: 5, note: 'new', n: 50 },
        ])
      },
    )

    it.each(Object.entries(keyless))(
      'replace, %s but by named columns: every row of the key is updated, by the last of equal records',
      async (_kind, ddl) => {
        await fresh(ddl, "(1, 'old one', 1), (2, 'old two', 2), (2, 'its twin', 3)")
        const conflict = rule('replace', { keys: ['id'] })
        const csv = '2,first,20\n5,new,50\n2,last,22\n5,newer,51\n'
        expect(await merge(conflict, ['id', 'note', 'n'], onConflict, csv)).toMatchObject({ copied: 4 })
        expect(await contents()).toEqual([
          { id: 1, note: 'old one', n: 1 },
          { id: 2, note: 'last', n: 22 },
          { id: 2, note: 'last', n: 22 },
          { id: 5, note: 'newer', n: 51 },
        ])
      },
    )

    it('columns that are not in the records keep their values, and get their defaults in new rows', async () => {
      await fresh(targets['with a primary key'])
      await merge(rule('replace'), ['note', 'id'], onConflict, 'changed,1\nnew,3\n')
      expect(await contents()).toEqual([
        { id: 1, note: 'changed', n: 1 },
        { id: 2, note: 'old two', n: 2 },
        { id: 3, note: 'new', n: 7 },
      ])
    })

    it('updateColumn names what is set', async () => {
      await fresh(targets['with a primary key'])
      const conflict = rule('replace', { update: ['n'] })
      await merge(conflict, ['id', 'note', 'n'], onConflict, '1,not this,100\n3,all of it,300\n')
      expect(await contents()).toEqual([
        { id: 1, note: 'old one', n: 100 },
        { id: 2, note: 'old two', n: 2 },
        { id: 3, note: 'all of it', n: 300 },
      ])
    })

    it('a key of several columns with a NULL in it never meets another row', async () => {
      await fresh('create table t (a integer, b text, n integer, unique (a, b))', "(1, 'x', 1), (1, null, 2)")
      const csv = '1,x,10\n1,,20\n1,,21\n'
      expect(await merge(rule('replace'), ['a', 'b', 'n'], onConflict, csv)).toEqual({ copied: 3, loaded: 3 })
      expect((await sql.query('select n from t order by n')).rows).toEqual([2, 10, 20, 21].map((n) => ({ n })))
    })

    it('a record that the table refuses is found among those that are merged', async () => {
      await fresh('create table t (id integer primary key, note text not null check (note <> $$bad$$), n integer)')
      await sql.query('create table if not exists parent (n integer primary key)')
      await sql.query('insert into parent values (1), (2) on conflict do nothing')
      await sql.query('alter table t add foreign key (n) references parent')
      const lines = ['1,one,1', '2,bad,1', '3,,1', 'x,three,1', '4,no parent,9', '5,five,2', '1,later,2']
      const records: SourceRecord[] = lines.map((line, index) => ({
        bytes: Buffer.from(`${line}\n`),
        number: index + 1,
        offset: 0,
        refusal: null,
      }))
      const columns = ['id', 'note', 'n']
      const plan = await planOf(rule('replace'), columns, onConflict)
      if ('refusal' in plan) throw new Error(plan.refusal)
      const dirty: [number, string | null][] = []
      const isolated = await sql.transaction(async () =>
        loadIsolating(sql, {
          put: await mergeRecords(sql, plan, columns, defaultCsv),
          records: (async function* () {
            yield records
          })(),
          onDirty: ({ number }, { sqlstate }) => void dirty.push([number, sqlstate]),
        }),
      )
      expect(dirty).toEqual([
        [2, '23514'],
        [3, '23502'],
        [4, '22P02'],
        [5, '23503'],
      ])
      expect(isolated.loaded + isolated.superseded).toBe(3)
      expect((await sql.query('select id, note from t where id in (1, 5) order by id')).rows).toEqual([
        { id: 1, note: 'later' },
        { id: 5, note: 'five' },
      ])
      await sql.query('drop table t; drop table parent')
    })

    it('a key without a unique index is merged under a lock', async () => {
      await fresh('create table t (id integer, note text)', "(1, 'a'), (1, 'b'), (2, 'c')")
      const conflict = rule('replace', { keys: ['id'] })
      expect(await merge(conflict, ['id', 'note'], onConflict, '1,no\n1,both\n3,new\n')).toEqual({
        copied: 3,
        loaded: 2,
      })
      expect(await contents()).toEqual([
        { id: 1, note: 'both' },
        { id: 1, note: 'both' },
        { id: 2, note: 'c' },
        { id: 3, note: 'new' },
      ])
    })
  })

  /** By COPY, which has no ON CONFLICT to switch off. */
  async function reject(ddl: string) {
    await fresh(ddl)
    const lines = ['2,first,20', '5,new,50', '2,last,22', '5,newer,51', '6,,']
    const records = lines.map((line, index) => ({
      bytes: Buffer.from(`${line}\n`),
      number: index + 1,
      offset: 0,
      refusal: null,
    }))
    const dirty: [number, string | null][] = []
    const put = appendRecords(sql, { schema: null, table: 't' }, ['id', 'note', 'n'], defaultCsv)
    const { loaded } = await sql.transaction(() =>
      loadIsolating(sql, {
        put,
        records: (async function* () {
          yield records
        })(),
        onDirty: ({ number }, { sqlstate }) => void dirty.push([number, sqlstate]),
      }),
    )
    return { loaded, dirty, rows: await contents() }
  }

  it.each(Object.entries(targets))(
    'reject, %s: what is there stays, and each record of a key that is there is dirty',
    async (_kind, ddl) => {
      expect(await reject(ddl)).toEqual({
        loaded: 2,
        dirty: [
          [1, '23505'],
          [3, '23505'],
          [4, '23505'],
        ],
        rows: [
          { id: 1, note: 'old one', n: 1 },
          { id: 2, note: 'old two', n: 2 },
          { id: 5, note: 'new', n: 50 },
          { id: 6, note: null, n: null },
        ],
      })
    },
  )

  it.each(Object.entries(keyless))('reject, %s: every record comes to what is there', async (_kind, ddl) => {
    const { loaded, dirty, rows } = await reject(ddl)
    expect({ loaded, dirty }).toEqual({ loaded: 5, dirty: [] })
    expect(rows).toEqual([
      { id: 1, note: 'old one', n: 1 },
      { id: 2, note: 'first', n: 20 },
      { id: 2, note: 'last', n: 22 },
      { id: 2, note: 'old two', n: 2 },
      { id: 5, note: 'new', n: 50 },
      { id: 5, note: 'newer', n: 51 },
      { id: 6, note: null, n: null },
    ])
  })

  it('what cannot be merged is refused with what to do', async () => {
    await fresh('create table t (id integer, note text)', '')
    expect(await planOf(rule('replace'), ['id', 'note'], true)).toMatchObject({
      refusal: expect.stringMatching(/uniqueIndexColumn/),
    })
    await fresh(targets['with a primary key'])
    expect(await planOf(rule('replace', { update: ['id', 'note'] }), ['id', 'note'], true)).toMatchObject({
      how: {
        what: expect.stringMatching(/sets note$/),
        why: expect.stringMatching(/updateColumn id is of the key, which is never updated/),
      },
    })
    expect(await planOf(rule('replace'), ['note'], true)).toMatchObject({
      refusal: expect.stringMatching(/needs column id/),
    })
    expect(await planOf(rule('replace', { update: ['x'] }), ['id'], true)).toMatchObject({
      refusal: expect.stringMatching(/updateColumn x/),
    })
  })
})

it('a distribution key is part of the key or the merge is refused; the staging table is spread like its target', () => {
  const facts = {
    uniqueKeys: [['id', 'day']],
    distributedBy: ['id'],
    partitionedBy: ['day'],
    checks: [],
    columns: ['id', 'day', 'note'].map((name) => ({ name, type: 'text', nullable: true, identityAlways: false })),
  }
  const request = {
    table: { schema: 'public', table: 't' },
    columns: ['id', 'day', 'note'],
    rule: rule('replace'),
    facts,
    onConflict: true,
    hasSegments: true,
  }
  const plan = planMerge(request)
  expect(plan).toMatchObject({ create: expect.stringMatching(/on commit drop distributed by \("id"\)$/) })
  expect(JSON.stringify(plan)).not.toMatch(/set \\"(id|day)\\"/)
  expect(planMerge({ ...request, rule: rule('replace', { keys: ['id'] }) })).toMatchObject({
    refusal: expect.stringMatching(/placed by day/),
  })
})
