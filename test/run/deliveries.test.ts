import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { RunId } from '../../shared/job/index.ts'
import { StartEvent } from '../../shared/run/events.ts'
import { type RunReport, reportRun } from '../../shared/run/report.ts'
import { openRun } from '../../shared/run/run-context.ts'
import { startJob } from '../../shared/run/start-job.ts'
import { retryRun, stopRun } from '../../shared/run/steer-run.ts'
import { ample, type Deliverer, deliverTwice } from '../support/deliveries.ts'
import { dataxJob, fromOss, intoAdbpg, startTestStack, type TestStack, unique } from '../support/stack.ts'

/** The platform delivers at least once, in any order, late and early: the ledger decides what counts (design §4). */
let stack: TestStack
beforeAll(async () => {
  stack = await startTestStack()
})
afterAll(() => stack?.close())

const rows = 4000
const sound = { state: 'succeeded', rows: { read: rows, loaded: rows, dirty: 0, filtered: 0 }, error: null }
const fill = (table: string) =>
  `insert into public.${table} select n, repeat('z', 20 + (n % 60)::integer) from generate_series(0, ${rows - 1}) n`

async function expectWhole(table: string) {
  const [found] = await stack.sql(
    `select count(*)::integer as rows, count(distinct id)::integer as ids, max(id)::integer as high from public.${table}`,
  )
  expect(found).toEqual({ rows, ids: rows, high: rows - 1 })
}

interface Subject {
  readonly table: string
  readonly job: ReturnType<typeof dataxJob>
  expectDone(): Promise<void>
}

async function objectImport(change: (csv: string) => string = (csv) => csv): Promise<Subject> {
  const table = unique('twice')
  await stack.sql(`create table public.${table} (id bigint, note text)`)
  const csv = [...Array(rows).keys()].map((n) => `${n},"note ""${n}""\n${'y'.repeat(n % 50)}"\n`).join('')
  await stack.world.store.put(`data/${table}.csv`, Buffer.from(change(csv)))
  const job = dataxJob(table, fromOss(`data/${table}.csv`), intoAdbpg(`public.${table}`))
  return { table, job, expectDone: () => expectWhole(table) }
}

async function tableImport(): Promise<Subject> {
  const table = unique('twice')
  await stack.sql(`create table public.${table} (id bigint, note text)`)
  await stack.sql(`create table public.${table}_log (at timestamptz default clock_timestamp())`)
  await stack.sql(`create table public.${table} (id bigint primary key, note text)`, stack.source)
  await stack.sql(fill(table), stack.source)
  const parameter = { datasource: 'pg_local', table: `public.${table}`, column: ['*'], splitPk: 'id' }
  const postSql = [`insert into public.${table}_log default values`]
  const writer = intoAdbpg(`public.${table}`, { preSql: postSql, postSql })
  const job = dataxJob(table, { name: 'postgresqlreader', parameter }, writer)
  const expectDone = async () => {
    await expectWhole(table)
    // Once before and once after.
    expect(await stack.sql(`select count(*)::integer as n from public.${table}_log`)).toEqual([{ n: 2 }])
    const staged: string[] = []
    for await (const { key } of stack.world.store.list('stage/')) staged.push(key)
    expect(staged).toEqual([])
  }
  return { table, job, expectDone }
}

async function tableExport(): Promise<Subject> {
  const table = unique('twice')
  await stack.sql(`create table public.${table} (id bigint primary key, note text)`)
  await stack.sql(fill(table))
  const parameter = { datasource: 'adbpg_local', table: `public.${table}`, column: ['*'], splitPk: 'id' }
  const object = { datasource: 'oss_local', object: `out/${table}/part`, writeMode: 'truncate' }
  const job = dataxJob(table, { name: 'adbpgreader', parameter }, { name: 'osswriter', parameter: object })
  const expectDone = async () => {
    let records = 0
    for await (const { key } of stack.world.store.list(`out/${table}/`)) {
      const found = await stack.world.store.read(key, 10_000_000)
      records += (found?.body.toString('utf8').split('\n').length ?? 0) - 1
    }
    expect(records).toBe(rows)
  }
  return { table, job, expectDone }
}

async function reportOf(runId: RunId): Promise<RunReport | null> {
  await using sql = await stack.world.connectSql(stack.adbpg, ample.signal)
  return await reportRun(sql, runId, new Date())
}

/** Two starts at once, with one key. */
async function startTwice({ world }: Deliverer, { job, table }: Subject): Promise<RunId> {
  const event = StartEvent.parse({ job, idempotencyKey: table })
  const [one, two] = await Promise.all([startJob(world, event, ample), startJob(world, event, ample)])
  expect(one.runId).toBe(two.runId)
  return one.runId
}

async function onRun<T>(
  { world }: Deliverer,
  runId: RunId,
  steer: (context: Awaited<ReturnType<typeof openRun>>) => Promise<T>,
): Promise<T> {
  await using sql = await world.connectSql(stack.adbpg, ample.signal)
  return await steer(await openRun(world, sql, { address: stack.adbpg, runId }, ample))
}

describe.each([
  ['an import of an object', objectImport],
  ['an import of a table', tableImport],
  ['an export', tableExport],
] as const)('%s', (_what, subject) => {
  it.each([1, 2, 3])(
    'is whole and once when every event comes twice at once, in random order (seed %i)',
    async (seed) => {
      const made = await subject()
      const deliverer = deliverTwice(stack.world, { seed })
      const runId = await startTwice(deliverer, made)
      await deliverer.drain()
      expect(await reportOf(runId)).toMatchObject(sound)
      await made.expectDone()
    },
  )

  it('is not changed by a finish that comes before its time, nor by any event that comes after the end', async () => {
    const made = await subject()
    const deliverer = deliverTwice(stack.world, { seed: 4, copies: 1 })
    const runId = await startTwice(deliverer, made)
    const [plan] = deliverer.sent
    if (plan === undefined) throw new Error('no plan was sent')
    const finish = { name: 'finish', event: { ...plan.event, step: 'finish' } } as const
    await deliverer.execute(finish)
    expect(await reportOf(runId)).toMatchObject({ state: 'planning' })
    const draining = deliverer.drain()
    while ((await reportOf(runId))?.state !== 'succeeded') await deliverer.execute(finish)
    await draining
    const report = await reportOf(runId)
    for (const one of [...deliverer.sent, plan, ...deliverer.sent].reverse()) await deliverer.execute(one)
    await deliverer.drain()
    expect(await reportOf(runId)).toEqual(report)
    expect(report).toMatchObject(sound)
    await made.expectDone()
  })
})

it('events of a generation that a retry has left behind do nothing', async () => {
  const made = await objectImport((csv) => csv.replace('\n3999,', '\nbad,'))
  const deliverer = deliverTwice(stack.world, { seed: 5 })
  const runId = await startTwice(deliverer, made)
  await deliverer.drain()
  const failed = await reportOf(runId)
  expect(failed).toMatchObject({ state: 'failed', error: { code: 'record/format', advice: expect.any(String) } })
  expect((await stack.sql(`select id from public.${made.table}`)).length).toBe(failed?.rows.loaded)
  const old = [...deliverer.sent]
  await stack.sql(`alter table public.${made.table} alter column id type text`)
  await onRun(deliverer, runId, retryRun)
  await Promise.all([deliverer.drain(), ...old.map(deliverer.execute)])
  for (const one of old) await deliverer.execute(one)
  expect(await reportOf(runId)).toMatchObject(sound)
  const [found] = await stack.sql(
    `select count(*)::integer as rows, count(distinct id)::integer as ids from public.${made.table}`,
  )
  expect(found).toEqual({ rows, ids: rows })
})

it('a stop that comes twice in the middle ends the run, whose counts are those of the table', async () => {
  const made = await objectImport()
  const deliverer = deliverTwice(stack.world, { seed: 6 })
  const runId = await startTwice(deliverer, made)
  const draining = deliverer.drain()
  while (((await reportOf(runId))?.rows.loaded ?? 0) === 0) await new Promise((resolve) => setTimeout(resolve, 5))
  await Promise.all([onRun(deliverer, runId, stopRun), onRun(deliverer, runId, stopRun)])
  await Promise.all([draining, deliverer.drain()])
  const report = await reportOf(runId)
  expect(['stopped', 'succeeded']).toContain(report?.state)
  expect((await stack.sql(`select id from public.${made.table}`)).length).toBe(report?.rows.loaded)
  if (report?.state === 'succeeded') return
  await onRun(deliverer, runId, retryRun)
  await deliverer.drain()
  expect(await reportOf(runId)).toMatchObject(sound)
  await made.expectDone()
})
