import { afterAll, beforeAll, expect, it } from 'vitest'
import type { RunId } from '../../shared/job/index.ts'
import { type Corrections, parseCorrections } from '../../shared/run/correction.ts'
import { replayDirty } from '../../shared/run/replay-dirty.ts'
import { reportRun } from '../../shared/run/report.ts'
import { openRun } from '../../shared/run/run-context.ts'
import { ample } from '../support/deliveries.ts'
import { dataxJob, dirtyOf, fromOss, intoAdbpg, startTestStack, type TestStack, unique } from '../support/stack.ts'

let stack: TestStack
beforeAll(async () => {
  stack = await startTestStack()
})
afterAll(() => stack?.close())

/** 3000 records, of which every hundredth has a name that is too long for its column. */
async function loaded(writer: Record<string, unknown> = {}, reader: Record<string, unknown> = {}) {
  const table = unique('replay')
  await stack.sql(`create table public.${table} (id integer primary key, name varchar(8))`)
  const lines = [...Array(3000).keys()].map((n) => `${n},${n % 100 === 7 ? `"too long, ${n}"` : 'short'}\n`)
  await stack.world.store.put(`data/${table}.csv`, Buffer.from(lines.join('')))
  const job = dataxJob(table, fromOss(`data/${table}.csv`, reader), intoAdbpg(`public.${table}`, writer), {
    speed: { channel: 2 },
    errorLimit: { record: 100 },
  })
  const report = await stack.run({ job })
  expect(report).toMatchObject({ state: 'succeeded', rows: { read: 3000, loaded: 2970, dirty: 30 } })
  return { table, report }
}

async function replay(runId: RunId, corrections: Corrections | null) {
  await using sql = await stack.world.connectSql(stack.adbpg, ample.signal)
  const context = await openRun(stack.world, sql, { address: stack.adbpg, runId }, ample)
  const { refused, ...counts } = await replayDirty(context, corrections)
  return { ...counts, refused: refused.map(({ record, code }) => ({ record, code })) }
}

const countOf = async (table: string) =>
  (await stack.sql<{ rows: number }>(`select count(*)::integer as rows from public.${table}`))[0]?.rows

it('loads what was refused once the table takes it, each record once however often and by how many', async () => {
  const { table, report } = await loaded()
  const { runId } = report
  const still = await replay(runId, null)
  expect(still).toMatchObject({ loaded: 0, already: 0 })
  expect(still.refused).toHaveLength(30)
  await stack.sql(`alter table public.${table} alter column name type text`)
  const both = await Promise.all([replay(runId, null), replay(runId, null)])
  expect(both.map((one) => one.loaded).reduce((sum, count) => sum + count)).toBe(30)
  expect(both.map((one) => one.already).reduce((sum, count) => sum + count)).toBe(30)
  expect(await replay(runId, null)).toEqual({ loaded: 0, filtered: 0, already: 30, refused: [], rolledBack: 0 })
  expect(await countOf(table)).toBe(3000)
  expect(await stack.sql(`select name from public.${table} where id = 107`)).toEqual([{ name: 'too long, 107' }])
  await using sql = await stack.world.connectSql(stack.adbpg, ample.signal)
  expect(await reportRun(sql, runId, new Date())).toMatchObject({ replayed: 30, rows: report.rows })
})

it('loads corrected records, as they lie in the file or by their fields, and tells which are still wrong', async () => {
  const { table, report } = await loaded({ column: ['name', 'id'] }, { column: [{ index: 1 }, { index: 0 }] })
  const [first, second, third, fourth] = await dirtyOf(stack, report)
  const lines = [
    { ...first, raw: '7,seven' },
    { ...second, fields: ['a\tb', '107'] },
    { ...third, fields: [null, '207'] },
    { ...fourth, raw: 'x,y' },
  ]
  const answer = await replay(report.runId, parseCorrections(lines.map((one) => JSON.stringify(one)).join('\n')))
  expect(answer).toEqual({
    loaded: 3,
    filtered: 0,
    already: 0,
    refused: [{ record: 308, code: 'record/format' }],
    rolledBack: 0,
  })
  expect(
    await stack.sql(`select id, name from public.${table} where name is distinct from 'short' order by id`),
  ).toEqual([
    { id: 7, name: 'seven' },
    { id: 107, name: 'a\tb' },
    { id: 207, name: null },
  ])
})

it('merges as the run has merged', async () => {
  const { table, report } = await loaded({ writeMode: 'insert', conflictMode: 'ignore' })
  await stack.sql(`alter table public.${table} alter column name type text`)
  await stack.sql(`insert into public.${table} values (7, 'mine')`)
  expect(await replay(report.runId, null)).toEqual({ loaded: 29, filtered: 1, already: 0, refused: [], rolledBack: 0 })
  expect(await stack.sql(`select name from public.${table} where id = 7`)).toEqual([{ name: 'mine' }])
})

it('refuses a file that is not of this run, before anything is loaded', async () => {
  const { table, report } = await loaded()
  const [first] = await dirtyOf(stack, report)
  const text = [
    { ...first, raw: '7,ok' },
    { piece: 'c9-p0', record: 1, raw: '1,a' },
  ]
  await expect(
    replay(report.runId, parseCorrections(text.map((one) => JSON.stringify(one)).join('\n'))),
  ).rejects.toMatchObject({ code: 'usage/invalid', message: expect.stringContaining('piece c9-p0 record 1') })
  expect(await countOf(table)).toBe(2970)
})

it('of a run that failed, loads what its done chunks have left, and tells how many were rolled back', async () => {
  const table = unique('replay')
  await stack.sql(`create table public.${table} (id integer primary key, name varchar(8))`)
  const line = (file: number, n: number, text: string) => `${file * 10 + n},${text}\n`
  await stack.world.store.put(`data/${table}/1.csv`, Buffer.from(line(0, 1, 'ok') + line(0, 2, 'much too long')))
  await stack.world.store.put(
    `data/${table}/2.csv`,
    Buffer.from(`${line(1, 1, 'ok')}${line(1, 2, 'also too long').repeat(3)}`),
  )
  // Objects that nobody has scanned stand alone: two chunks.
  const source = fromOss(`data/${table}/*.csv`, { multiLine: false })
  const job = dataxJob(table, source, intoAdbpg(`public.${table}`), {
    speed: { channel: 1 },
    errorLimit: { record: 1 },
  })
  const report = await stack.run({ job })
  expect(report).toMatchObject({ state: 'failed', rows: { read: 2, loaded: 1, dirty: 1 }, dirtyRolledBack: 1 })
  await stack.sql(`alter table public.${table} alter column name type text`)
  expect(await replay(report.runId, null)).toEqual({ loaded: 1, filtered: 0, already: 0, refused: [], rolledBack: 1 })
  expect(await countOf(table)).toBe(2)
})
