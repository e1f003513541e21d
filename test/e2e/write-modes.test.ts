import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { dataxJob, dirtyOf, fromOss, intoAdbpg, startTestStack, type TestStack, unique } from '../support/stack.ts'

/** `conflictMode` through the whole path: several chunks, two loaders, dirty records, a second delivery of the same file. */
describe('records whose key is in the table', () => {
  let stack: TestStack
  beforeAll(async () => {
    stack = await startTestStack()
  })
  afterAll(() => stack?.close())

  const rows = 6000
  const fresh = async () => {
    const table = unique('mode')
    await stack.sql(`create table public.${table} (id integer primary key, note varchar(60), kept text default 'new')`)
    await stack.sql(
      `insert into public.${table} select n, 'old', 'kept ' || n from generate_series(0, ${rows - 1}, 3) n`,
    )
    const csv = [...Array(rows).keys()].map((n) => `${n},"note ${n}\n${'x'.repeat(n % 40)}"\n`).join('')
    await stack.world.store.put(`data/${table}.csv`, Buffer.from(csv))
    return table
  }
  const run = (table: string, writer: Record<string, unknown>, errorLimit = 0) =>
    stack.run({
      job: dataxJob(
        table,
        fromOss(`data/${table}.csv`),
        intoAdbpg(`public.${table}`, { column: ['id', 'note'], ...writer }),
        {
          speed: { channel: 2 },
          errorLimit: { record: errorLimit },
        },
      ),
    })
  const counted = async (table: string) =>
    (
      await stack.sql(`select count(*)::integer as rows,
        count(case when note = 'old' then 1 end)::integer as old,
        count(case when kept = 'new' then 1 end)::integer as fresh from public.${table}`)
    )[0]
  const old = rows / 3

  it('are updated by replace, and what the file lacks is kept', async () => {
    const table = await fresh()
    const report = await run(table, { writeMode: 'insert', conflictMode: 'replace' })
    expect(report).toMatchObject({ state: 'succeeded', rows: { read: rows, loaded: rows, filtered: 0 } })
    expect(report.chunks).toBeGreaterThan(2)
    expect(report.decisions).toContainEqual({
      what: 'a record whose id is there sets note',
      why: 'by insert … on conflict, over the unique index of id',
    })
    expect(await counted(table)).toEqual({ rows, old: 0, fresh: rows - old })
    expect(await run(table, { conflictMode: 'upsert' })).toMatchObject({ state: 'succeeded', rows: { loaded: rows } })
    expect(await counted(table)).toEqual({ rows, old: 0, fresh: rows - old })
  })

  it('are left out by ignore, and counted as filtered', async () => {
    const table = await fresh()
    const report = await run(table, { conflictMode: 'ignore' })
    expect(report).toMatchObject({
      state: 'succeeded',
      rows: { read: rows, loaded: rows - old, filtered: old, dirty: 0 },
    })
    expect(await counted(table)).toEqual({ rows, old, fresh: rows - old })
    expect(await run(table, { ignoreInsert: true })).toMatchObject({ rows: { read: rows, loaded: 0, filtered: rows } })
  })

  it('are dirty without either, with the key in the reason', async () => {
    const table = await fresh()
    const report = await run(table, { conflictMode: 'report' }, rows)
    expect(report).toMatchObject({ state: 'succeeded', rows: { read: rows, loaded: rows - old, dirty: old } })
    const dirty = await dirtyOf(stack, report)
    expect(new Set(dirty.map(({ code, sqlstate }) => `${code} ${sqlstate}`))).toEqual(
      new Set(['record/constraint 23505']),
    )
  })

  it('are merged around records that are dirty for another reason', async () => {
    const table = await fresh()
    await stack.sql(`alter table public.${table} add check (id % 1000 <> 7) not valid`)
    const report = await run(table, { conflictMode: 'replace' }, 10)
    expect(report).toMatchObject({ state: 'succeeded', rows: { read: rows, loaded: rows - 6, dirty: 6, filtered: 0 } })
    expect((await dirtyOf(stack, report)).map(({ raw }) => Number(raw.split(',')[0]))).toEqual(
      [...Array(6).keys()].map((n) => n * 1000 + 7),
    )
  })

  it('need a key: without one the plan is refused, and nothing is loaded', async () => {
    const table = await fresh()
    await stack.sql(`alter table public.${table} drop constraint ${table}_pkey`)
    expect(await run(table, { conflictMode: 'replace' })).toMatchObject({
      state: 'failed',
      rows: { loaded: 0 },
      error: { code: 'job/unsupported', message: expect.stringContaining('uniqueIndexColumn') },
    })
    const named = await run(table, { conflictMode: 'replace', uniqueIndexColumn: ['id'] })
    expect(named).toMatchObject({ state: 'succeeded', rows: { read: rows, loaded: rows } })
    expect(named.decisions).toContainEqual(expect.objectContaining({ why: expect.stringMatching(/under a lock/) }))
    expect(await counted(table)).toEqual({ rows, old: 0, fresh: rows - old })
  })
})
