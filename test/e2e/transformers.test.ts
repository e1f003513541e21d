import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseCorrections } from '../../shared/run/correction.ts'
import { replayDirty } from '../../shared/run/replay-dirty.ts'
import type { RunReport } from '../../shared/run/report.ts'
import { openRun } from '../../shared/run/run-context.ts'
import { ample } from '../support/deliveries.ts'
import { dataxJob, dirtyOf, fromOss, intoAdbpg, startTestStack, type TestStack, unique } from '../support/stack.ts'
import { notes, transform } from '../support/transformed.ts'

/** What is read is loaded, left out or dirty, whichever way the records go, in several chunks side by side. */
describe('transformed records', () => {
  let stack: TestStack
  beforeAll(async () => {
    stack = await startTestStack()
  })
  afterAll(() => stack?.close())

  const rows = 6000
  const { lines, kept, counts } = notes(rows)
  const settings = (record: number) => ({ speed: { channel: 2 }, errorLimit: { record } })
  const contents = async (table: string) =>
    (await stack.sql<{ note: string }>(`select note from public.${table} order by id`)).map(({ note }) => note)

  async function table(where = stack.adbpg): Promise<string> {
    const name = unique('changed')
    await stack.sql(`create table public.${name} (id bigint primary key, note text)`)
    if (where !== stack.adbpg) await stack.sql(`create table public.${name} (id bigint primary key, note text)`, where)
    return name
  }

  const fill = (name: string, where = stack.adbpg) =>
    stack.sql(
      `insert into public.${name} select n, case when n % 5 = 0 then 'drop ' || n when n % 500 = 7 then 'x'
        else 'note "' || n || E'",\\n\\\\😀' end from generate_series(1, ${rows}) n`,
      where,
    )

  async function fromFile(name: string): Promise<RunReport> {
    await stack.world.store.put(`data/${name}.csv`, Buffer.from(lines.join('')))
    const ends = [fromOss(`data/${name}.csv`), intoAdbpg(`public.${name}`)] as const
    return await stack.run({ job: { ...dataxJob(name, ...ends, settings(counts.dirty)), transform } })
  }

  it('of a file', async () => {
    const name = await table()
    const report = await fromFile(name)
    expect(report).toMatchObject({ state: 'succeeded', rows: counts, error: null })
    expect(report.chunks).toBeGreaterThan(2)
    expect(report.decisions.map(({ what }) => what)).toContain('records are transformed')
    expect(await contents(name)).toEqual(kept)
    const dirty = await dirtyOf(stack, report)
    expect(dirty).toHaveLength(counts.dirty)
    const offset = Buffer.byteLength(lines.slice(0, 506).join(''))
    expect(dirty[1]).toMatchObject({ record: 507, offset, code: 'record/transform', column: '1', raw: '507,"x"' })
  })

  it('of a table, whose rows are staged', async () => {
    const name = await table(stack.source)
    await fill(name, stack.source)
    const reader = {
      name: 'postgresqlreader',
      parameter: { datasource: 'pg_local', table: `public.${name}`, column: ['*'], splitPk: 'id' },
    }
    const job = { ...dataxJob(name, reader, intoAdbpg(`public.${name}`), settings(counts.dirty)), transform }
    const report = await stack.run({ job })
    expect(report).toMatchObject({ state: 'succeeded', rows: counts, error: null })
    expect(report.chunks).toBeGreaterThan(2)
    expect(await contents(name)).toEqual(kept)
    const dirty = await dirtyOf(stack, report)
    expect(dirty.map(({ code, column, raw }) => `${code} ${column} ${raw.replace(/^\d+\t/, '')}`)).toEqual(
      Array(counts.dirty).fill('record/transform note x'),
    )
  })

  it('of a table, into objects', async () => {
    const name = await table()
    await fill(name)
    const reader = {
      name: 'adbpgreader',
      parameter: { datasource: 'adbpg_local', table: `public.${name}`, column: ['*'], splitPk: 'id' },
    }
    const writer = {
      name: 'osswriter',
      parameter: { datasource: 'oss_local', object: `out/${name}`, writeMode: 'append', fieldDelimiter: ',' },
    }
    const job = { ...dataxJob(name, reader, writer, settings(counts.dirty)), transform }
    const report = await stack.run({ job })
    expect(report).toMatchObject({ state: 'succeeded', rows: counts, error: null })
    expect(await dirtyOf(stack, report)).toHaveLength(counts.dirty)
    const back = await table()
    const again = await stack.run({ job: dataxJob(back, fromOss(`out/${name}*`), intoAdbpg(`public.${back}`)) })
    expect(again).toMatchObject({ state: 'succeeded', rows: { loaded: counts.loaded } })
    expect(await contents(back)).toEqual(kept)
    const strict = { ...dataxJob(unique('strict'), reader, writer), transform }
    expect(await stack.run({ job: strict })).toMatchObject({ state: 'failed', error: { code: 'record/transform' } })
    const share = { speed: { channel: 2 }, errorLimit: { percentage: 0.01 } }
    const part = { ...dataxJob(unique('share'), reader, writer, share), transform }
    expect(await stack.run({ job: part })).toMatchObject({ state: 'succeeded', rows: counts })
  })

  it('that were dirty are replayed through the same steps; corrected fields are taken as they are', async () => {
    const name = await table()
    const { runId } = await fromFile(name)
    await using sql = await stack.world.connectSql(stack.adbpg, ample.signal)
    const context = await openRun(stack.world, sql, { address: stack.adbpg, runId }, ample)
    const [first, second, third] = await dirtyOf(stack, await stack.ended(runId))
    const corrections = [
      { ...first, raw: '7,note 7' },
      { ...second, raw: '507,drop it' },
      { ...third, fields: ['1007', 'x'] },
    ]
    const text = corrections.map((one) => JSON.stringify(one)).join('\n')
    expect(await replayDirty(context, parseCorrections(text))).toEqual({
      loaded: 2,
      filtered: 1,
      already: 0,
      refused: [],
      rolledBack: 0,
    })
    expect(
      await stack.sql(`select id::integer, note from public.${name} where id in (7, 507, 1007) order by id`),
    ).toEqual([
      { id: 7, note: 'te 7' },
      { id: 1007, note: 'x' },
    ])
    expect(await replayDirty(context, parseCorrections(text))).toMatchObject({ loaded: 0, already: 3 })
  })

  it('fail the plan where a step cannot be done, before a row is moved', async () => {
    const name = await table()
    await stack.world.store.put(`data/${name}.csv`, Buffer.from(lines.join('')))
    const reader = fromOss(`data/${name}.csv`, { column: [{ index: 0, type: 'long' }, { index: 1 }] })
    for (const step of [
      { do: 'filter', column: 0, when: '>', value: 'many' },
      { do: 'filter', column: 1, when: 'like', value: '(?=a)' },
      { do: 'substr', column: 2, start: 0, length: 1 },
    ]) {
      const job = { ...dataxJob(unique('wrong'), reader, intoAdbpg(`public.${name}`)), transform: [step] }
      const code = expect.stringMatching(/^job\/(invalid|unsupported)$/)
      expect(await stack.run({ job })).toMatchObject({ state: 'failed', rows: { read: 0 }, error: { code } })
    }
  })
})
