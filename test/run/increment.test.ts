import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { progressText } from '../../shared/cli/run-text.ts'
import { TransferError } from '../../shared/errors/index.ts'
import { JobName, parseJobDocument, type RunId } from '../../shared/job/index.ts'
import { startBackfill } from '../../shared/run/backfill.ts'
import { PlanEvent, StartEvent } from '../../shared/run/events.ts'
import { resolveDocument } from '../../shared/run/jobs.ts'
import { planRun } from '../../shared/run/plan-run.ts'
import { previewPlan } from '../../shared/run/preview-plan.ts'
import { type RunReport, reportRun } from '../../shared/run/report.ts'
import { openRun, type RunContext } from '../../shared/run/run-context.ts'
import { startJob } from '../../shared/run/start-job.ts'
import { retryRun, stopRun } from '../../shared/run/steer-run.ts'
import { runStep } from '../../shared/run/step.ts'
import { tick } from '../../shared/run/tick.ts'
import { setWatermark, showWatermark } from '../../shared/run/watermark.ts'
import type { World } from '../../shared/run/world.ts'
import { quoteLiteral } from '../../shared/schema/index.ts'
import { ample, type Deliverer, deliverTwice } from '../support/deliveries.ts'
import { dataxJob, intoAdbpg, startTestStack, type TestStack, unique } from '../support/stack.ts'

/** Incremental reading, from PostgreSQL into PostgreSQL as the ADBPG end. The target has no key: a row that came twice is seen. */
let stack: TestStack
let deliverer: Deliverer
beforeAll(async () => {
  stack = await startTestStack()
  deliverer = deliverTwice(stack.world, { seed: 1, copies: 1 })
})
afterAll(() => stack?.close())

interface Subject {
  readonly name: string
  readonly job: { name: string }
}

async function subject(type: string, incremental: object = {}, more: object = {}): Promise<Subject> {
  const name = unique('mark')
  await stack.sql(`create table public.${name} (id bigint primary key, mark ${type})`, stack.source)
  await stack.sql(`create table public.${name} (id bigint, mark text)`)
  const reader = readerOf({ name }, incremental, more)
  return { name, job: dataxJob(name, reader, intoAdbpg(`public.${name}`)) }
}

const readerOf = ({ name }: { name: string }, incremental: object = {}, more: object = {}) => ({
  name: 'postgresqlreader',
  parameter: {
    datasource: 'pg_local',
    table: `public.${name}`,
    column: ['id', 'mark::text'],
    incremental: { column: 'mark', ...incremental },
    ...more,
  },
})

const add = ({ name }: Subject, ...rows: readonly [number, string | null][]) =>
  stack.sql(
    `insert into public.${name} values ${rows.map(([id, mark]) => `(${id}, ${mark === null ? 'null' : quoteLiteral(mark)})`)}`,
    stack.source,
  )
const loaded = async ({ name }: Subject) =>
  (await stack.sql<{ id: string }>(`select id::text as id from public.${name} t order by t.id`)).map(({ id }) =>
    Number(id),
  )

async function begin({ job }: Subject, world: World = deliverer.world): Promise<RunId> {
  return (await startJob(world, StartEvent.parse({ job }), ample)).runId
}

async function report(runId: RunId): Promise<RunReport> {
  await using sql = await stack.world.connectSql(stack.adbpg, ample.signal)
  return (await reportRun(sql, runId, new Date())) as RunReport
}

async function run(of: Subject): Promise<RunReport> {
  const runId = await begin(of)
  await deliverer.drain()
  return await report(runId)
}

async function onRun<T>(runId: RunId, work: (context: RunContext) => Promise<T>): Promise<T> {
  await using sql = await stack.world.connectSql(stack.adbpg, ample.signal)
  return await work(await openRun(deliverer.world, sql, { address: stack.adbpg, runId }, ample))
}

const specOf = ({ job, name }: Subject) =>
  resolveDocument(stack.world, parseJobDocument(JSON.stringify(job), name), {
    trigger: { type: 'client' },
    scheduledAt: new Date(),
  })
const marksOf = async (of: Subject) =>
  (await showWatermark(stack.world, await specOf(of), ample)).marks.map(({ value }) => value)

const look = async () => {
  await tick(
    { ...deliverer.world, settings: { ...stack.world.settings, leaseMs: 0 } },
    { triggerTime: new Date().toISOString(), triggerName: 'every-minute' },
    ample,
  )
  await deliverer.drain()
}

describe('incremental reading', () => {
  it('brings each row once, equal values at the edge together, and none that has no value', async () => {
    const of = await subject('timestamp', { from: '2026-01-02' })
    await add(of, [1, '2026-01-01'], [2, '2026-01-02'], [3, '2026-01-03 00:00:00.000001'], [4, null])
    await add(of, [5, '2026-01-03 00:00:00.000001'])
    const first = await run(of)
    expect(first).toMatchObject({
      state: 'succeeded',
      rows: { read: 3, loaded: 3 },
      increment: { column: 'mark', low: '2026-01-02', lowIncluded: true, high: '2026-01-03 00:00:00.000001' },
    })
    expect(first.decisions[0]?.why).toMatch(/no run of the job has left a mark.*rows without mark are never read/)
    await add(of, [6, '2026-01-03 00:00:00.000002'], [7, '2026-01-03 00:00:00.000002'])
    const second = await run(of)
    expect(second).toMatchObject({ state: 'succeeded', rows: { read: 2 }, increment: { lowIncluded: false } })
    expect(second.decisions[0]?.why).toContain(`run ${first.runId} left the mark`)
    expect(await loaded(of)).toEqual([2, 3, 5, 6, 7])
    const third = await run(of)
    expect(third).toMatchObject({ state: 'succeeded', rows: { read: 0 }, increment: { high: null } })
    expect(await marksOf(of)).toEqual(['2026-01-03 00:00:00.000002', '2026-01-03 00:00:00.000001'])
  })

  it.each([
    ['bigint', '9007199254740993', '9007199254740994', '9223372036854775807'],
    ['numeric', '12345678901234567890.000000000000000001', '12345678901234567890.000000000000000002', '1e40'],
    ['timestamptz', '2026-01-01 00:00:00.000001+00', '2026-01-01 00:00:00.000002+00', '2026-01-02 07:59:59.999999+08'],
    ['timestamp(3)', '0044-03-15 10:00:00.001 BC', '2026-01-01 00:00:00.001', '9999-12-31'],
    ['date', '2025-12-31', '2026-01-01', '2026-01-02'],
    ['text', "a'\\b", "a'\\c", '𠮷'],
    ['varchar(9)', 'a', 'a ', 'b'],
    ['smallint', '-32768', '0', '32767'],
  ])('%s is compared by the server, with its exact text', async (type, ...values) => {
    const of = await subject(type)
    for (const [index, value] of values.entries()) {
      await add(of, [index * 2, value], [index * 2 + 1, value])
      expect(await run(of)).toMatchObject({ state: 'succeeded', error: null, rows: { read: 2, loaded: 2 } })
    }
    expect(await loaded(of)).toEqual([0, 1, 2, 3, 4, 5])
  })

  it('combines with where, splitPk and parameters', async () => {
    const where = "id % 2 = 0 -- only even ones\n and '${bizdate}' <> ''"
    const of = await subject('bigint', { from: '$' + '{start}' }, { where, splitPk: 'id' })
    const job = { ...of.job, parameters: { start: '100' } }
    await stack.sql(`insert into public.${of.name} select n, n from generate_series(1, 4000) n`, stack.source)
    await stack.sql(`analyze public.${of.name}`, stack.source)
    const first = await run({ ...of, job })
    expect(first).toMatchObject({ state: 'succeeded', error: null, rows: { read: 1951 } })
    expect(first.chunks).toBeGreaterThan(1)
    await stack.sql(`insert into public.${of.name} select n, n from generate_series(4001, 8000) n`, stack.source)
    expect(await run({ ...of, job })).toMatchObject({ state: 'succeeded', rows: { read: 2000 } })
    await stack.sql(`analyze public.${of.name}`, stack.source)
    await stack.sql(`insert into public.${of.name} select n, n from generate_series(8001, 8010) n`, stack.source)
    const small = await run({ ...of, job })
    expect(small).toMatchObject({ state: 'succeeded', rows: { read: 5 }, chunks: 1 })
    expect(small.decisions.map(({ what }) => what)).toContain('one slice')
    expect((await loaded(of)).length).toBe(3956)
  })

  it('leaves rows that are younger than the delay to the next run', async () => {
    const of = await subject('timestamptz', { delay: '1 hour' })
    const times = "now() - interval '2 hours'), (2, now() - interval '1 minute'), (3, now() + interval '1 day'"
    await stack.sql(`insert into public.${of.name} values (1, ${times})`, stack.source)
    expect(await run(of)).toMatchObject({ state: 'succeeded', rows: { read: 1 } })
    expect(await run(of)).toMatchObject({ state: 'succeeded', rows: { read: 0 }, increment: { high: null } })
    expect(await loaded(of)).toEqual([1])
  })

  it('a day is read when it is over, on the clocks that are named', async () => {
    const of = await subject('date', { delay: '0s', timeZone: '+08:00' })
    const today = "(now() at time zone interval '+08:00')::date"
    await stack.sql(`insert into public.${of.name} values (1, ${today} - 1), (2, ${today})`, stack.source)
    expect(await run(of)).toMatchObject({ state: 'succeeded', rows: { read: 1 } })
    expect(await loaded(of)).toEqual([1])
  })

  it.each([
    ['timestamp', { delay: '5 minutes' }, null, 'job/invalid', /timeZone/],
    ['bigint', { delay: '5 minutes' }, null, 'job/invalid', /dates or times/],
    ['double precision', {}, '1', 'job/unsupported', /double precision/],
    ['timestamp', {}, 'infinity', 'job/invalid', /infinity/],
    ['numeric', {}, 'NaN', 'job/invalid', /NaN/],
    ['date', { from: 'yesterday or so' }, '2026-01-01', 'job/invalid', /no date/],
    ['bigint', { from: "1' or true --" }, '1', 'job/invalid', /no bigint/],
    ['bigint', { column: 'absent' }, '1', 'source/column-missing', /absent/],
  ] as const)('%s with %o is refused', async (type, incremental, value, code, message) => {
    const of = await subject(type, incremental)
    if (value !== null) await add(of, [1, value])
    expect(await run(of)).toMatchObject({ state: 'failed', error: { code, message: expect.stringMatching(message) } })
    expect(await marksOf(of)).toEqual([])
  })

  it('a run that fails leaves the mark, and its retry reads what it was planned for', async () => {
    const of = await subject('bigint')
    await add(of, [1, '1'], [2, '2'])
    await stack.sql(`alter table public.${of.name} add check (id <> 2)`)
    const failed = await run(of)
    expect(failed.state).toBe('failed')
    expect(await marksOf(of)).toEqual([])
    await add(of, [3, '3'])
    await stack.sql(`alter table public.${of.name} drop constraint ${of.name}_id_check`)
    await onRun(failed.runId, retryRun)
    await deliverer.drain()
    expect(await report(failed.runId)).toMatchObject({ state: 'succeeded', increment: { high: '2' } })
    expect(await marksOf(of)).toEqual(['2'])
    expect(await run(of)).toMatchObject({ state: 'succeeded', rows: { read: 1 } })
    expect(await loaded(of)).toEqual([1, 2, 3])
  })

  it('a run that was overtaken is not gone on with', async () => {
    const of = await subject('bigint')
    await add(of, [1, '1'], [2, '2'])
    await stack.sql(`alter table public.${of.name} add check (id <> 2)`)
    const failed = await run(of)
    await stack.sql(`alter table public.${of.name} drop constraint ${of.name}_id_check`)
    expect(await run(of)).toMatchObject({ state: 'succeeded', rows: { read: 2 } })
    await expect(onRun(failed.runId, retryRun)).rejects.toMatchObject({ code: 'run/watermark-moved' })
    expect(await loaded(of)).toEqual([1, 2])
  })

  it('rows that a failed run has loaded are not loaded again beside it', async () => {
    const of = await subject('bigint', {}, { splitPk: 'id' })
    await stack.sql(`insert into public.${of.name} select n, n from generate_series(1, 20000) n`, stack.source)
    await stack.sql(`analyze public.${of.name}`, stack.source)
    await stack.sql(`alter table public.${of.name} add check (id <> 19999)`)
    const failed = await run(of)
    expect(failed.state).toBe('failed')
    expect(failed.rows.loaded).toBeGreaterThan(0)
    const second = await run(of)
    expect(second).toMatchObject({ state: 'failed', error: { code: 'run/increment-half-loaded' } })
    expect(second.error?.message).toContain(failed.runId)
    await stack.sql(`alter table public.${of.name} drop constraint ${of.name}_id_check`)
    await onRun(failed.runId, retryRun)
    await deliverer.drain()
    expect((await loaded(of)).length).toBe(20000)
    await onRun(second.runId, retryRun)
    await deliverer.drain()
    expect(await report(second.runId)).toMatchObject({ state: 'succeeded', rows: { read: 0 } })
  })

  it('of two runs at once the second waits for the first, and reads what is left', async () => {
    const of = await subject('bigint')
    await add(of, [1, '1'])
    // Planned one after the other, while the work of neither goes on.
    const held: [string, unknown, string][] = []
    const { invoker } = deliverer.world
    const holding: World = {
      ...deliverer.world,
      invoker: {
        ...invoker,
        invokeAsync: async (name, event, id) => {
          held.push([name, event, id])
          return 'queued'
        },
      },
    }
    const first = await begin(of, holding)
    await onRun(first, (context) => planRun({ ...context, world: holding }))
    const second = await begin(of, holding)
    await onRun(second, (context) => planRun({ ...context, world: holding }))
    expect(await report(second)).toMatchObject({ state: 'waiting', waitsFor: [expect.stringContaining(first)] })
    await add(of, [2, '2'])
    for (const [name, event, id] of held.filter(([name]) => name !== 'plan'))
      await invoker.invokeAsync(name as 'stage', event, id)
    await deliverer.drain()
    expect(await report(first)).toMatchObject({ state: 'succeeded', rows: { read: 1 } })
    await look()
    expect(await report(second)).toMatchObject({ state: 'succeeded', rows: { read: 1 }, increment: { low: '1' } })
    expect(await loaded(of)).toEqual([1, 2])
    expect(await marksOf(of)).toEqual(['2', '1'])
  })

  it('many runs at once skip nothing and double nothing', async () => {
    const of = await subject('bigint')
    await stack.sql(`insert into public.${of.name} select n, n from generate_series(1, 50) n`, stack.source)
    const runs = await Promise.all([1, 2, 3, 4].map(() => begin(of)))
    await deliverer.drain()
    for (const _ of runs) await look()
    for (const runId of runs) expect(await report(runId)).toMatchObject({ state: 'succeeded', error: null })
    expect((await loaded(of)).length).toBe(50)
    expect(await marksOf(of)).toEqual(['50'])
  })

  it('a mark is set and reset by hand, but not under a run that is open', async () => {
    const of = await subject('bigint')
    await add(of, [1, '1'], [2, '2'])
    await run(of)
    const spec = await specOf(of)
    await expect(setWatermark(stack.world, spec, 'one', ample)).rejects.toMatchObject({ code: 'job/invalid' })
    expect((await setWatermark(stack.world, spec, '1', ample)).marks[0]).toMatchObject({ value: '1', runId: null })
    const preview = await previewPlan(stack.world, spec, ample)
    expect(preview.decisions[0]).toEqual({
      what: 'rows with mark > 1 and mark <= 2',
      why: 'the mark was set by hand; it ends at the largest value there is; rows without mark are never read',
    })
    expect(await run(of)).toMatchObject({ state: 'succeeded', rows: { read: 1 } })
    await setWatermark(stack.world, spec, null, ample)
    expect(await run(of)).toMatchObject({ state: 'succeeded', rows: { read: 2 }, increment: { lowIncluded: true } })
    expect(await loaded(of)).toEqual([1, 1, 2, 2, 2])
    await add(of, [3, '3'])
    const holding: World = {
      ...deliverer.world,
      invoker: { ...deliverer.world.invoker, invokeAsync: async () => 'queued' },
    }
    const open = await begin(of, holding)
    await onRun(open, (context) => planRun({ ...context, world: holding }))
    await expect(setWatermark(stack.world, spec, '0', ample)).rejects.toMatchObject({ code: 'run/increment-taken' })
    await onRun(open, stopRun)
    await deliverer.drain()
    await setWatermark(stack.world, spec, '0', ample)
    await expect(onRun(open, retryRun)).rejects.toMatchObject({ code: 'run/watermark-moved' })
  })

  it('the mark of another column or table is not taken', async () => {
    const of = await subject('bigint')
    await add(of, [1, '1'])
    await run(of)
    const other = { ...of, job: JSON.parse(JSON.stringify(of.job).replace('"column":"mark"', '"column":"id"')) }
    expect(await run(other)).toMatchObject({ state: 'failed', error: { code: 'run/other-watermark' } })
    await setWatermark(stack.world, await specOf(other), '0', ample)
    expect(await run(other)).toMatchObject({ state: 'succeeded', rows: { read: 1 } })
  })

  it('an export reads on, and writes no object where there is nothing', async () => {
    const name = unique('mark')
    await stack.sql(`create table public.${name} (id bigint primary key)`)
    const reader = {
      name: 'adbpgreader',
      parameter: { datasource: 'adbpg_local', table: name, column: ['*'], incremental: { column: 'id' } },
    }
    const parameter = { datasource: 'oss_local', object: `out/${name}/part`, writeMode: 'append' }
    const of = { name, job: dataxJob(name, reader, { name: 'osswriter', parameter }) }
    const written = async () => {
      const lines: string[] = []
      for await (const { key } of stack.world.store.list(`out/${name}/`))
        lines.push((await stack.world.store.read(key, 1000))?.body.toString('utf8').trim() ?? '')
      return lines.sort()
    }
    expect(await run(of)).toMatchObject({ state: 'succeeded', error: null, rows: { read: 0 } })
    expect(await written()).toEqual([])
    for (const id of [1, 2]) {
      await stack.sql(`insert into public.${name} values (${id})`)
      expect(await run(of)).toMatchObject({ state: 'succeeded', error: null, rows: { read: 1, loaded: 1 } })
    }
    expect(await run(of)).toMatchObject({ state: 'succeeded', error: null, rows: { read: 0 } })
    expect(await written()).toEqual(['1', '2'])
    expect(await marksOf(of)).toEqual(['2', '1'])
  })

  it('a run that is repeated after a failure tells why, until it goes on', async () => {
    const of = await subject('bigint')
    await add(of, [1, '1'])
    const lost = new TransferError('connect/lost', 'the connection of the test broke')
    const broken: World = { ...deliverer.world, findWriter: () => Promise.reject(lost) }
    const runId = await begin(of)
    const plan = PlanEvent.parse({ step: 'plan', runId, generation: 0, ledger: stack.adbpg })
    await expect(runStep(broken, plan, ample, planRun)).rejects.toThrow('the connection of the test broke')
    const waiting = await report(runId)
    expect(waiting).toMatchObject({
      state: 'planning',
      trouble: { piece: 'plan', error: { code: 'connect/lost', message: 'the connection of the test broke' } },
    })
    expect(progressText(waiting)).toContain('connect/lost: the connection of the test broke')
    await deliverer.drain()
    expect(await report(runId)).toMatchObject({ state: 'succeeded', trouble: null })
  })

  it('becomes visible with its mark, and never takes the place of the whole table', async () => {
    const of = await subject('integer')
    await add(of, [1, '1'], [2, '2'])
    const into = (parameter: Record<string, unknown>) => ({
      ...of,
      job: dataxJob(of.name, readerOf(of), intoAdbpg(`public.${of.name}`, parameter)),
    })
    const refused = {
      state: 'failed',
      error: { code: 'job/unsupported', message: expect.stringContaining('overwrite') },
    }
    expect(await run(into({ overwrite: 'table' }))).toMatchObject(refused)
    expect(await run(into({ atomic: true }))).toMatchObject({ state: 'succeeded', rows: { loaded: 2 } })
    await add(of, [3, '3'])
    expect(await run(into({ overwrite: { where: 'id > 2' } }))).toMatchObject({
      state: 'succeeded',
      rows: { loaded: 1 },
    })
    expect(await loaded(of)).toEqual([1, 2, 3])
    expect(await marksOf(of)).toContain('3')
  })

  it('a backfill is refused', async () => {
    const of = await subject('bigint')
    const parsed = parseJobDocument(JSON.stringify(of.job), JobName.parse(of.name))
    const request = { parsed, from: '20261101', to: '20261102', parallel: 1, name: 'backfill' }
    await expect(startBackfill(stack.world, request, ample)).rejects.toMatchObject({ code: 'job/unsupported' })
  })

  it('whatever is added between runs, what was read is what is there', async () => {
    const of = await subject('numeric(20, 3)', {}, { splitPk: 'id' })
    let seed = 20261125
    const random = (below: number) => {
      seed = (seed * 1103515245 + 12345) % 2 ** 31
      return seed % below
    }
    let [id, mark] = [0, 0]
    for (let round = 0; round < 8; round += 1) {
      const rows = [...Array(random(6)).keys()].map((): [number, string] => {
        // Greater than the mark of the run before, and often equal to each other.
        mark += random(2)
        return [++id, `${round * 100 + mark}.${random(2)}01`]
      })
      if (rows.length > 0) await add(of, ...rows)
      expect(await run(of)).toMatchObject({ state: 'succeeded', rows: { loaded: rows.length } })
    }
    expect(await loaded(of)).toEqual([...Array(id).keys()].map((index) => index + 1))
  })
})
