import { afterAll, beforeAll, expect, it } from 'vitest'
import { StartEvent } from '../../shared/run/events.ts'
import { type RunReport, reportRun } from '../../shared/run/report.ts'
import { openRun } from '../../shared/run/run-context.ts'
import { stageSlice } from '../../shared/run/stage-slice.ts'
import { startJob } from '../../shared/run/start-job.ts'
import { stopRun } from '../../shared/run/steer-run.ts'
import { runStep } from '../../shared/run/step.ts'
import type { Deadline, World } from '../../shared/run/world.ts'
import { parseStagedChunk } from '../../shared/staging/keys.ts'
import { ample, deliverTwice } from '../support/deliveries.ts'
import { eventually } from '../support/fc.ts'
import { dataxJob, dirtyOf, intoAdbpg, startTestStack, type TestStack, unique } from '../support/stack.ts'

let stack: TestStack
beforeAll(async () => {
  stack = await startTestStack()
})
afterAll(() => stack?.close())

const rowCount = 2000
const tolerant = { speed: { channel: 2 }, errorLimit: { record: 100 } }

interface Made {
  readonly table: string
  readonly job: ReturnType<typeof dataxJob>
}

/** Two tables of one name: rows of the first are to come into the second. */
async function makeJob({
  columns = 'id bigint, note text',
  writing = {},
  reading = {},
  setting = tolerant as Record<string, unknown>,
} = {}): Promise<Made> {
  const table = unique('piped')
  await stack.sql(`create table public.${table} (${columns})`)
  await stack.sql(`create table public.${table} (id bigint primary key, note text)`, stack.source)
  const fill = `insert into public.${table} select n, repeat('z', 20 + (n % 60)::integer) from generate_series(0, ${rowCount - 1}) n`
  await stack.sql(fill, stack.source)
  const parameter = { datasource: 'pg_local', table: `public.${table}`, column: ['*'], ...reading }
  const job = dataxJob(table, { name: 'postgresqlreader', parameter }, intoAdbpg(`public.${table}`, writing), setting)
  return { table, job }
}

interface Ran {
  readonly report: RunReport
  readonly loads: number
  readonly staged: number
  readonly slices: number
}

async function run(
  { job }: Made,
  { copies = 1, world = stack.world }: { copies?: number; world?: World } = {},
): Promise<Ran> {
  let staged = 0
  const put: World['store']['put'] = async (key, ...rest) => {
    if (parseStagedChunk(key) !== null) staged += 1
    return await world.store.put(key, ...rest)
  }
  const deliverer = deliverTwice({ ...world, store: { ...world.store, put } }, { seed: 3, copies })
  const { runId } = await startJob(deliverer.world, StartEvent.parse({ job }), ample)
  await deliverer.drain()
  await using sql = await stack.world.connectSql(stack.adbpg, ample.signal)
  const report = await reportRun(sql, runId, new Date())
  if (report === null) throw new Error(`run ${runId} is gone`)
  const [found] = await stack.sql<{ slices: number }>(
    `select count(*)::integer as slices from adbpg_sync.slice_done where run_id = '${runId}'`,
  )
  const loads = new Set(
    deliverer.sent.flatMap(({ event }) => (event.step === 'load' ? [`${event.ordinal}.${event.part}`] : [])),
  )
  return { report, loads: loads.size, staged, slices: found?.slices ?? 0 }
}

const contents = async (table: string) => {
  const [row] = await stack.sql(
    `select count(*)::integer as rows, count(distinct id)::integer as ids, max(id)::integer as high from public.${table}`,
  )
  return row
}
const whole = { rows: rowCount, ids: rowCount, high: rowCount - 1 }
const all = { read: rowCount, loaded: rowCount, dirty: 0, filtered: 0 }
const says = (what: string) => expect.arrayContaining([expect.objectContaining({ what })])

it('each slice goes into the table where it is read: nothing is staged, and no loader is sent', async () => {
  const made = await makeJob()
  const { report, loads, staged, slices } = await run(made)
  expect(report).toMatchObject({ state: 'succeeded', rows: all, chunks: slices })
  expect(report.decisions).toEqual(says('each slice is read into the table in one transaction'))
  expect({ loads, staged }).toEqual({ loads: 0, staged: 0 })
  expect(slices).toBeGreaterThan(2)
  expect(await contents(made.table)).toEqual(whole)
})

it('of two attempts at each slice at once, one is in the table', async () => {
  const made = await makeJob()
  const { report } = await run(made, { copies: 2 })
  expect(report).toMatchObject({ state: 'succeeded', rows: all })
  expect(await contents(made.table)).toEqual(whole)
})

it.each<[string, string, (table: string) => string | null, { dirty: number; filtered?: number }]>([
  ['a check that refuses rows', 'id bigint check (id % 500 <> 7), note text', () => null, { dirty: 4 }],
  [
    'a key that is there',
    'id bigint primary key, note text',
    (t) => `insert into public.${t} values (9, 'old')`,
    { dirty: 1 },
  ],
  [
    'a trigger that swallows a row',
    'id bigint, note text',
    (t) => `create function public.${t}_skip() returns trigger language plpgsql as
        'begin if new.id = 11 then return null; end if; return new; end';
      create trigger skip before insert on public.${t} for each row execute procedure public.${t}_skip()`,
    { dirty: 1 },
  ],
])(
  'with %s, that slice is staged and the bad ones are kept; the others are piped',
  async (_, columns, before, counts) => {
    const made = await makeJob({ columns })
    const statement = before(made.table)
    if (statement !== null) await stack.sql(statement)
    const { report, loads, slices } = await run(made)
    expect(report).toMatchObject({ state: 'succeeded', rows: { ...all, ...counts, loaded: rowCount - counts.dirty } })
    expect(await dirtyOf(stack, report)).toHaveLength(counts.dirty)
    expect(loads).toBeGreaterThan(0)
    if (counts.dirty === 1) expect(slices).toBeGreaterThan(loads / 3)
  },
)

it('a record that is too long is set aside, and its slice is staged', async () => {
  const made = await makeJob({ reading: { maxRecordBytes: 1024 } })
  await stack.sql(`update public.${made.table} set note = repeat('x', 2000) where id = 77`, stack.source)
  const { report } = await run(made)
  expect(report).toMatchObject({ state: 'succeeded', rows: { read: rowCount, loaded: rowCount - 1, dirty: 1 } })
  expect(await dirtyOf(stack, report)).toMatchObject([{ code: 'record/too-large' }])
})

it('where no record may be dirty, the run fails with the reason of the first', async () => {
  const made = await makeJob({
    columns: 'id bigint check (id <> 7), note text',
    setting: { speed: { channel: 2 }, errorLimit: { record: 0 } },
  })
  const { report } = await run(made)
  expect(report).toMatchObject({ state: 'failed', error: { code: 'record/constraint' } })
})

it('a key that only the commit looks at fails the run, and no row of its slice is there', async () => {
  const made = await makeJob({ columns: 'id bigint unique deferrable initially deferred, note text' })
  await stack.sql(`insert into public.${made.table} values (9, 'old')`)
  const { report } = await run(made)
  expect(report).toMatchObject({ state: 'failed', error: { code: 'target/sql-failed' } })
  expect(await stack.sql(`select note from public.${made.table} where id < 100`)).toEqual([{ note: 'old' }])
})

it('keys that are there are replaced', async () => {
  const made = await makeJob({ columns: 'id bigint primary key, note text', writing: { conflictMode: 'replace' } })
  await stack.sql(`insert into public.${made.table} select n, 'old' from generate_series(0, 99) n`)
  const { report, loads } = await run(made, { copies: 2 })
  expect(report).toMatchObject({ state: 'succeeded', rows: all })
  expect(loads).toBe(0)
  expect(await contents(made.table)).toEqual(whole)
  expect(await stack.sql(`select from public.${made.table} where note = 'old'`)).toEqual([])
})

it.each<[string, Parameters<typeof makeJob>[0], (made: Made) => Promise<void>]>([
  [
    'one slice for two loaders',
    {},
    async ({ table }) =>
      void (await stack.sql(`alter table public.${table} drop constraint ${table}_pkey`, stack.source)),
  ],
  ['a cap', { setting: { speed: { channel: 2, byte: 50_000_000 }, errorLimit: { record: 0 } } }, async () => undefined],
])('%s is staged', async (_, options, change) => {
  const made = await makeJob(options)
  await change(made)
  const { report, loads } = await run(made)
  expect(report).toMatchObject({ state: 'succeeded', rows: all })
  expect(report.decisions).toEqual(says('slices are staged'))
  expect(loads).toBeGreaterThan(1)
  expect(await contents(made.table)).toEqual(whole)
})

it('one that is not in the table by the time limit is cut smaller', async () => {
  const made = await makeJob()
  const deliverer = deliverTwice(stack.world, { seed: 3, copies: 1 })
  const { runId } = await startJob(deliverer.world, StartEvent.parse({ job: made.job }), ample)
  const [plan] = deliverer.sent
  if (plan === undefined) throw new Error('no plan was sent')
  await deliverer.execute(plan)
  const [first] = deliverer.sent.flatMap(({ event }) => (event.step === 'stage' ? [event] : []))
  if (first === undefined) throw new Error('no slice was sent')
  const slicesOf = async () => (await stack.sql(`select slice from adbpg_sync.slice where run_id = '${runId}'`)).length
  const before = await slicesOf()
  // COPY into the table waits for this lock.
  await using blocker = await stack.world.connectSql(stack.adbpg, ample.signal)
  await blocker.query('begin')
  await blocker.query(`lock table public.${made.table} in exclusive mode`)
  const limited: Deadline = { signal: ample.signal, softAt: new Date(Date.now() + 2_000) }
  await runStep(deliverer.world, first, limited, stageSlice)
  expect(await slicesOf()).toBeGreaterThan(before)
  await blocker.query('rollback')
  await deliverer.drain()
  await using sql = await stack.world.connectSql(stack.adbpg, ample.signal)
  expect(await reportRun(sql, runId, new Date())).toMatchObject({ state: 'succeeded', rows: all })
  expect(await contents(made.table)).toEqual(whole)
})

it('a source that fails is told as such, and is not read again', async () => {
  const made = await makeJob({ reading: { where: 'id / (id - 1234) is not null' } })
  const { report, staged } = await run(made)
  expect(report).toMatchObject({ state: 'failed', error: { code: 'source/sql-failed' } })
  expect(staged).toBe(0)
})

it('a run that is stopped while a slice is read into the table ends at once, and the slice leaves no row', async () => {
  const made = await makeJob()
  const deliverer = deliverTwice(stack.world, { seed: 3, copies: 1 })
  const { runId } = await startJob(deliverer.world, StartEvent.parse({ job: made.job }), ample)
  await using blocker = await stack.world.connectSql(stack.adbpg, ample.signal)
  await blocker.query('begin')
  await blocker.query(`lock table public.${made.table} in exclusive mode`)
  const driven = deliverer.drain()
  driven.catch(() => undefined)
  const waits = `select from pg_locks where relation = 'public.${made.table}'::regclass and not granted`
  await eventually(async () => ((await stack.sql(waits)).length > 0 ? true : null))
  await using sql = await stack.world.connectSql(stack.adbpg, ample.signal)
  await stopRun(await openRun(deliverer.world, sql, { address: stack.adbpg, runId }, ample))
  await eventually(async () => ((await reportRun(sql, runId, new Date()))?.state === 'stopped' ? true : null))
  await blocker.query('rollback')
  await driven.catch(() => undefined)
  expect(await contents(made.table)).toMatchObject({ rows: 0 })
})
