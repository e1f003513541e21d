import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { RunId } from '../../shared/job/index.ts'
import * as ledger from '../../shared/ledger/index.ts'
import type { DirtyRecord } from '../../shared/load/dirty-record.ts'
import type { SqlSession } from '../../shared/ports/index.ts'
import { openDirtyGuard } from '../../shared/run/dirty-limit.ts'
import { openGuardOfEach } from '../../shared/run/load-gathered.ts'
import { openRun, type RunContext } from '../../shared/run/run-context.ts'
import { ample } from '../support/deliveries.ts'
import { dataxJob, fromOss, intoAdbpg, startTestStack, type TestStack, unique } from '../support/stack.ts'

let stack: TestStack
beforeAll(async () => {
  stack = await startTestStack()
})
afterAll(() => stack?.close())

async function makeTable(prefix: string): Promise<string> {
  const table = unique(prefix)
  await stack.sql(`create table public.${table} (id bigint primary key, note text)`)
  return table
}

const dirty: DirtyRecord = {
  piece: 'c0-p0',
  source: 'oss://bucket/key',
  record: 7,
  offset: 0,
  bytes: 2,
  column: null,
  code: 'record/format',
  sqlstate: '22P02',
  reason: 'no number',
  raw: 'x',
  rawEncoding: 'utf8',
}
/** Of a run that has ended: one that goes on. */
async function openNextGeneration(sql: SqlSession, runId: RunId): Promise<RunContext> {
  const ended = await openRun(stack.world, sql, { address: stack.adbpg, runId }, ample)
  return { ...ended, run: { ...ended.run, generation: ended.run.generation + 1 } }
}

const rowOf = (n: number) => `${n},${'x'.repeat(90)}\n`
const megabyte = Buffer.from([...Array(10_000).keys()].map(rowOf).join(''))

/** How many sessions in the middle of a chunk of the table are seen at once, until the run has ended. */
async function mostLoadingDuring<T>(table: string, run: Promise<T>): Promise<{ most: number; result: T }> {
  let isOver = false
  const result = run.finally(() => {
    isOver = true
  })
  let most = 0
  while (!isOver) {
    const [seen] = await stack.sql<{ loading: number }>(
      `select count(*)::integer as loading from pg_stat_activity where state <> 'idle' and query ~ '^([a-z0-9 ]+; )*copy.*${table}'`,
    )
    most = Math.max(most, seen?.loading ?? 0)
    await sleep(20)
  }
  return { most, result: await result }
}

it.each([
  ['bytes', { channel: 3, byte: 300_000 }],
  ['records', { channel: 3, record: 3_000 }],
])('a run of several functions keeps its cap of %s', async (_what, speed) => {
  const table = await makeTable('paced')
  await stack.world.store.put(`data/${table}.csv`, megabyte)
  const job = dataxJob(table, fromOss(`data/${table}.csv`), intoAdbpg(`public.${table}`), { speed })
  const { most, result } = await mostLoadingDuring(table, stack.run({ job }))
  expect(result).toMatchObject({ state: 'succeeded', rows: { read: 10_000, loaded: 10_000 } })
  expect(most).toBeGreaterThan(0)
  expect(most).toBeLessThanOrEqual(3)
  // 3.3 s at the cap. That it is used, test/codecs/pace.test.ts shows on a clock that no other process slows down.
  expect(result.seconds).toBeGreaterThan(2.9)
})

/** Loaders that find a few dirty records each, in a file that takes five seconds at its cap. */
it.each([
  ['a count', { record: 40 }],
  ['a share', { percentage: 0.0004 }],
])('%s of dirty records over all loaders ends the run while they go on', async (_what, errorLimit) => {
  const table = await makeTable('limited')
  const rows = [...Array(60_000).keys()].map((n) => (n % 1000 === 3 ? 'x,dirty\n' : rowOf(n)))
  await stack.world.store.put(`data/${table}.csv`, Buffer.from(rows.join('')))
  const job = dataxJob(table, fromOss(`data/${table}.csv`), intoAdbpg(`public.${table}`), {
    speed: { channel: 3, byte: 1_200_000 },
    errorLimit,
  })
  const report = await stack.run({ job })
  expect(report).toMatchObject({ state: 'failed', error: { code: 'record/limit-exceeded' } })
  expect(report.rows.read).toBeLessThan(58_000)
  const [kept] = await stack.sql<{ rows: number }>(`select count(*)::integer as rows from public.${table}`)
  expect(kept?.rows).toBe(report.rows.loaded)
})

it('what one loader has met counts for the others before its chunk is in', async () => {
  const table = await makeTable('shared')
  await stack.world.store.put(`data/${table}.csv`, Buffer.from(rowOf(1)))
  const job = dataxJob(table, fromOss(`data/${table}.csv`), intoAdbpg(`public.${table}`), { errorLimit: { record: 4 } })
  const { runId } = await stack.run({ job })
  await using sql = await stack.world.connectSql(stack.adbpg, ample.signal)
  const context = await openNextGeneration(sql, runId)
  const guard = (ordinal: number) => openDirtyGuard(context, { step: 'load', ordinal, part: 0 }, 2)
  await using first = guard(1)
  await using second = guard(2)
  for (const count of [1, 2, 3]) await first.met(count, dirty)
  // The third was told within half a second of the first, so that it is not yet known elsewhere.
  await second.met(1, dirty)
  await sleep(550)
  await first.met(4, dirty).catch(() => undefined)
  await expect(second.met(2, dirty)).rejects.toMatchObject({
    code: 'record/limit-exceeded',
    message: '6 dirty records, errorLimit allows 4; the last: no number',
    context: { record: 7, dirty: 6 },
  })
})

const amid = (context: RunContext, how: 'together' | 'each') =>
  how === 'together'
    ? openDirtyGuard(context, { step: 'load', ordinal: 1, part: 0 }, 2)
    : openGuardOfEach(context, { runId: context.run.runId, ordinal: 1, part: 0 }, [{ records: 1000 }])

it.each([
  ['a count is allowed', { record: 100 }, 'together'],
  ['any number is allowed', undefined, 'together'],
  ['objects share the run', { record: 100 }, 'each'],
] as const)(
  'who keeps many dirty records finds out that the run was stopped, where %s',
  async (_what, errorLimit, how) => {
    const table = await makeTable('stopped_amid')
    await stack.world.store.put(`data/${table}.csv`, Buffer.from(rowOf(1)))
    const job = dataxJob(table, fromOss(`data/${table}.csv`), intoAdbpg(`public.${table}`), {
      ...(errorLimit && { errorLimit }),
    })
    const { runId } = await stack.run({ job })
    await using sql = await stack.world.connectSql(stack.adbpg, ample.signal)
    const context = await openNextGeneration(sql, runId)
    await using guard = amid(context, how)
    await guard.met(1, dirty)
    await sleep(550)
    await guard.met(2, dirty)
    await ledger.insertStop(sql, runId, 1, new Date())
    await sleep(550)
    await expect(guard.met(3, dirty)).rejects.toMatchObject({ code: 'run/stopped' })
  },
)
