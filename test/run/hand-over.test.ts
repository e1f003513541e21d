import { setTimeout as sleep } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { FunctionName } from '../../shared/ports/index.ts'
import { FinishEvent, LoadEvent, PlanEvent, StageEvent, StartEvent } from '../../shared/run/events.ts'
import { finishRun } from '../../shared/run/finish-run.ts'
import { loadChunk } from '../../shared/run/load-chunk.ts'
import { planRun } from '../../shared/run/plan-run.ts'
import { reportRun } from '../../shared/run/report.ts'
import { stageSlice } from '../../shared/run/stage-slice.ts'
import { startJob } from '../../shared/run/start-job.ts'
import { runStep } from '../../shared/run/step.ts'
import type { Deadline, World } from '../../shared/run/world.ts'
import { dataxJob, fromOss, intoAdbpg, startTestStack, type TestStack, unique } from '../support/stack.ts'
import { notes, transform } from '../support/transformed.ts'

let stack: TestStack
beforeAll(async () => {
  stack = await startTestStack()
})
afterAll(() => stack.close())

const signal = new AbortController().signal
const ample: Deadline = { signal, softAt: new Date(8.64e15) }
/** The time for new records is over before the first one came. */
const over: Deadline = { signal, softAt: new Date(0) }

/** The time is over once there was one look at it: a stage makes one chunk and no more. */
const overAtSecondLook = (): Deadline => {
  let looks = 0
  return {
    signal,
    get softAt() {
      looks += 1
      return looks === 1 ? ample.softAt : over.softAt
    },
  }
}

type DeadlineOf = (step: FunctionName, count: number) => Deadline

/** Runs the steps here, one after the other, in the order in which they are sent. `count`: how many of the step came before. */
async function drive(
  job: ReturnType<typeof dataxJob> & { readonly transform?: unknown },
  deadlineOf: DeadlineOf,
  { stagesAtOnce = 1, ...settings }: Partial<World['settings']> & { stagesAtOnce?: number } = {},
) {
  const sent: [FunctionName, unknown][] = []
  const counts: Partial<Record<FunctionName, number>> = {}
  const invokeAsync = async (name: FunctionName, event: unknown) => {
    sent.push([name, event])
    return 'queued' as const
  }
  const world: World = {
    ...stack.world,
    settings: { ...stack.world.settings, chunkBytes: 2_000_000, stageChunkBytes: 2_000_000, ...settings },
    invoker: { ...stack.world.invoker, invokeAsync },
  }
  const { runId } = await startJob(world, StartEvent.parse({ job }), ample)
  /** A planner that holds a snapshot ends after the slices. */
  const planning = new Set<Promise<unknown>>()
  while (sent.length > 0 || planning.size > 0) {
    const [name, event] = sent.shift() ?? []
    if (name === undefined) {
      await Promise.race([...planning, sleep(20)])
      continue
    }
    const deadline = deadlineOf(name, counts[name] ?? 0)
    counts[name] = (counts[name] ?? 0) + 1
    if (name === 'plan') {
      const plan: Promise<unknown> = runStep(world, PlanEvent.parse(event), deadline, planRun).finally(() =>
        planning.delete(plan),
      )
      planning.add(plan)
    }
    if (name === 'stage') {
      // Each with chunks of its own size, so that nothing can hang on both cutting alike.
      const sizes = Array.from({ length: stagesAtOnce }, (_, index) => world.settings.stageChunkBytes * (1 + index / 3))
      const worlds = sizes.map((stageChunkBytes) => ({ ...world, settings: { ...world.settings, stageChunkBytes } }))
      await Promise.all(worlds.map((one) => runStep(one, StageEvent.parse(event), deadline, stageSlice)))
    }
    if (name === 'load') await runStep(world, LoadEvent.parse(event), deadline, loadChunk)
    if (name === 'finish') await finishRun(world, FinishEvent.parse(event), deadline)
  }
  await using sql = await world.connectSql(stack.adbpg, signal)
  return { loads: counts.load ?? 0, stages: counts.stage ?? 0, report: await reportRun(sql, runId, new Date()) }
}

const loadsAreOver: DeadlineOf = (step) => (step === 'load' ? over : ample)
/** The first readings find no time at all, so the slices are cut twice and more. */
const firstStagesAreOver: DeadlineOf = (step, count) => (step === 'stage' && count < 5 ? over : ample)

const rows = 20_000
const contents = async (table: string) =>
  (
    await stack.sql(
      `select count(*)::integer as rows, count(distinct id)::integer as ids, sum(length(note))::integer as length from public.${table}`,
    )
  )[0]

it('a load that meets its deadline commits what it has and hands over the rest: ranges of an object', async () => {
  const table = unique('handed')
  await stack.sql(`create table public.${table} (id bigint, note text)`)
  const notes = [...Array(rows).keys()].map((n) => `note ${n}\n"${'x'.repeat(n % 40)}`)
  const csv = notes.map((note, n) => `${n},"${note.replaceAll('"', '""')}"\n`).join('')
  await stack.world.store.put(`data/${table}.csv`, Buffer.from(csv))
  const { loads, report } = await drive(
    dataxJob(table, fromOss(`data/${table}.csv`), intoAdbpg(`public.${table}`)),
    loadsAreOver,
  )
  expect(report).toMatchObject({ state: 'succeeded', rows: { read: rows, loaded: rows } })
  expect(loads).toBeGreaterThan((report?.chunks ?? 0) + 3)
  expect(await contents(table)).toEqual({ rows, ids: rows, length: notes.reduce((sum, note) => sum + note.length, 0) })
})

it('so does a stage that inflates a file: the next one inflates it again, and goes on behind the chunks that are there', async () => {
  const table = unique('inflated')
  await stack.sql(`create table public.${table} (id bigint, note text)`)
  const notes = [...Array(rows).keys()].map((n) => `note ${n}\n${'x'.repeat(n % 40)}`)
  const csv = notes.map((note, n) => `${n},"${note}"\n`).join('')
  await stack.world.store.put(`data/${table}.csv.gz`, gzipSync(`id,note\n${csv}`))
  const { stages, report } = await drive(
    dataxJob(table, fromOss(`data/${table}.csv.gz`, { skipHeader: true }), intoAdbpg(`public.${table}`)),
    (step) => (step === 'stage' ? overAtSecondLook() : ample),
    { stageChunkBytes: 131_072 },
  )
  expect(report).toMatchObject({ state: 'succeeded', rows: { read: rows, loaded: rows } })
  expect(stages).toBeGreaterThanOrEqual(report?.chunks ?? 100)
  expect(report?.chunks).toBeGreaterThan(5)
  expect(await contents(table)).toEqual({ rows, ids: rows, length: notes.reduce((sum, note) => sum + note.length, 0) })
})

it('of two stages of one file at once, the chunks of one count at each place, and every row is there once', async () => {
  const table = unique('twice')
  await stack.sql(`create table public.${table} (id bigint, note text)`)
  const csv = [...Array(rows).keys()].map((n) => `${n},${'x'.repeat(n % 40)}\n`).join('')
  await stack.world.store.put(`data/${table}.csv.gz`, gzipSync(csv))
  const job = dataxJob(table, fromOss(`data/${table}.csv.gz`), intoAdbpg(`public.${table}`))
  const { report } = await drive(job, () => ample, { stagesAtOnce: 3, stageChunkBytes: 98_304 })
  expect(report).toMatchObject({ state: 'succeeded', rows: { read: rows, loaded: rows } })
  expect(await contents(table)).toMatchObject({ rows, ids: rows })
})

it('a stage that finds no time for one chunk of a file says what took it', async () => {
  const table = unique('slow')
  await stack.sql(`create table public.${table} (id bigint, note text)`)
  await stack.world.store.put(`data/${table}.csv.gz`, gzipSync('1,x\n'))
  const job = dataxJob(table, fromOss(`data/${table}.csv.gz`), intoAdbpg(`public.${table}`))
  const { report } = await drive(job, (step) => (step === 'stage' ? over : ample))
  expect(report).toMatchObject({ state: 'failed', error: { code: 'source/unsplittable-deadline' } })
  expect(report?.error?.message).toContain('has to be read from its beginning')
})

const ofTable = (kind: 'postgresql' | 'adbpg', table: string, parameter: Record<string, unknown> = {}) => ({
  name: `${kind}reader`,
  parameter: {
    datasource: kind === 'adbpg' ? 'adbpg_local' : 'pg_local',
    table: `public.${table}`,
    column: ['*'],
    ...parameter,
  },
})

/** A table of so many rows is smaller than half of it, and is staged. */
const oneSlice = { chunkBytes: 4_000_000 }

it('and staged chunks of a table', async () => {
  const table = unique('staged')
  await stack.sql(`create table public.${table} (id bigint, note text)`)
  await stack.sql(`create table public.${table} (id bigint primary key, note text)`, stack.source)
  await stack.sql(
    `insert into public.${table} select n, E'tab\\t' || repeat('z', (n % 50)::integer) from generate_series(1, ${rows}) n`,
    stack.source,
  )
  const { loads, report } = await drive(
    dataxJob(table, ofTable('postgresql', table), intoAdbpg(`public.${table}`)),
    loadsAreOver,
    oneSlice,
  )
  expect(report).toMatchObject({ state: 'succeeded', rows: { read: rows, loaded: rows } })
  expect(loads).toBeGreaterThan((report?.chunks ?? 0) + 3)
  const [source] = await stack.sql<{ length: number }>(
    `select sum(length(note))::integer as length from public.${table}`,
    stack.source,
  )
  expect(await contents(table)).toEqual({ rows, ids: rows, length: source?.length })
})

it('and records that are transformed: what was left out or dirty before it is neither lost nor counted twice', async () => {
  const { lines, kept, counts } = notes(rows)
  const table = unique('handed')
  await stack.sql(`create table public.${table} (id bigint, note text)`)
  await stack.sql(`create table public.${table} (id bigint primary key, note text)`, stack.source)
  await stack.world.store.put(`data/${table}.csv`, Buffer.from(lines.join('')))
  const settings = { speed: { channel: 2 }, errorLimit: { record: counts.dirty } }
  const [into, from] = [intoAdbpg(`public.${table}`), fromOss(`data/${table}.csv`)]
  const ofFile = await drive({ ...dataxJob(table, from, into, settings), transform }, loadsAreOver)
  expect(ofFile.report).toMatchObject({ state: 'succeeded', rows: counts })
  expect(ofFile.loads).toBeGreaterThan((ofFile.report?.chunks ?? 0) + 1)
  const notesIn = async () =>
    (await stack.sql<{ note: string }>(`select note from public.${table} order by id`)).map(({ note }) => note)
  expect(await notesIn()).toEqual(kept)

  await stack.sql(`truncate public.${table}`)
  const sql = `insert into public.${table} select n, case when n % 5 = 0 then 'drop ' || n when n % 500 = 7 then 'x'
    else 'note "' || n || E'",\\n\\\\😀' end from generate_series(1, ${rows}) n`
  await stack.sql(sql, stack.source)
  const staged = await drive(
    { ...dataxJob(table, ofTable('postgresql', table), into, settings), transform },
    loadsAreOver,
  )
  expect(staged.report).toMatchObject({ state: 'succeeded', rows: counts })
  expect(staged.loads).toBeGreaterThan((staged.report?.chunks ?? 0) + 1)
  expect(await notesIn()).toEqual(kept)
})

it('a slice that cannot be read in time is cut smaller, and every row is there once', async () => {
  const table = unique('cut')
  await stack.sql(`create table public.${table} (id bigint, note text)`)
  await stack.sql(`create table public.${table} (id bigint unique, note text)`, stack.source)
  await stack.sql(
    `insert into public.${table} select nullif(n, 7), repeat('z', (n % 50)::integer) from generate_series(1, ${rows}) n`,
    stack.source,
  )
  const job = dataxJob(table, ofTable('postgresql', table, { splitPk: 'id' }), intoAdbpg(`public.${table}`))
  const { stages, report } = await drive(job, firstStagesAreOver, oneSlice)
  expect(report).toMatchObject({ state: 'succeeded', rows: { read: rows, loaded: rows } })
  expect(stages).toBeGreaterThan(9)
  expect(await contents(table)).toMatchObject({ rows, ids: rows - 1 })
  const staged: string[] = []
  for await (const { key } of stack.world.store.list('stage/')) staged.push(key)
  expect(staged).toEqual([])
})

it('of an export as well: only what was read whole becomes an object', async () => {
  const table = unique('cut_export')
  await stack.sql(`create table public.${table} (id bigint primary key, note text)`)
  await stack.sql(`insert into public.${table} select n, 'n' || n from generate_series(1, ${rows}) n`)
  const writer = {
    name: 'osswriter',
    parameter: { datasource: 'oss_local', object: `out/${table}/part`, writeMode: 'truncate' },
  }
  const { stages, report } = await drive(dataxJob(table, ofTable('adbpg', table), writer), firstStagesAreOver)
  expect(report).toMatchObject({ state: 'succeeded', rows: { read: rows, loaded: rows } })
  expect(report?.decisions).toContainEqual(expect.objectContaining({ what: 'all slices are read from one snapshot' }))
  expect(stages).toBeGreaterThan(7)
  const back = `${table}_back`
  await stack.sql(`create table public.${back} (id bigint, note text)`)
  await stack.run({ job: dataxJob(back, fromOss(`out/${table}/*`), intoAdbpg(`public.${back}`)) })
  expect(await contents(back)).toEqual(await contents(table))
})

it('of an export that is transformed: what an attempt in vain has left out does not count', async () => {
  const { kept, counts } = notes(rows)
  const table = unique('cut_changed')
  await stack.sql(`create table public.${table} (id bigint primary key, note text)`)
  await stack.sql(`insert into public.${table} select n, case when n % 5 = 0 then 'drop ' || n when n % 500 = 7 then 'x'
    else 'note' end from generate_series(1, ${rows}) n`)
  const parameter = { datasource: 'oss_local', object: `out/${table}/part`, writeMode: 'truncate' }
  const settings = { speed: { channel: 2 }, errorLimit: { record: counts.dirty } }
  const job = dataxJob(table, ofTable('adbpg', table), { name: 'osswriter', parameter }, settings)
  const { stages, report } = await drive({ ...job, transform }, firstStagesAreOver)
  expect(report).toMatchObject({ state: 'succeeded', rows: counts })
  expect(stages).toBeGreaterThan(7)
  const back = `${table}_back`
  await stack.sql(`create table public.${back} (id bigint, note text)`)
  await stack.run({ job: dataxJob(back, fromOss(`out/${table}/*`), intoAdbpg(`public.${back}`)) })
  expect(await contents(back)).toEqual({ rows: kept.length, ids: kept.length, length: 2 * kept.length })
})

it('what has no key to cut by fails by its code, at once', async () => {
  const table = unique('uncut')
  await stack.sql(`create table public.${table} (note text)`)
  await stack.sql(`create table public.${table} (note text)`, stack.source)
  const { stages, report } = await drive(
    dataxJob(table, ofTable('postgresql', table), intoAdbpg(`public.${table}`)),
    firstStagesAreOver,
  )
  expect(report).toMatchObject({ state: 'failed', error: { code: 'source/unsplittable-deadline' } })
  expect(stages).toBe(1)
})
