import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { RunId } from '../../shared/job/index.ts'
import { StartEvent, type StepEvent } from '../../shared/run/events.ts'
import { type RunReport, reportRun } from '../../shared/run/report.ts'
import { openRun } from '../../shared/run/run-context.ts'
import { startJob } from '../../shared/run/start-job.ts'
import { retryRun, stopRun } from '../../shared/run/steer-run.ts'
import { ample, type Deliverer, deliverTwice } from '../support/deliveries.ts'
import { startTestStack, type TestStack } from '../support/stack.ts'
import { objectImport, type Subject, sound, subjectRows, tableExport, tableImport } from '../support/subjects.ts'

/** The platform delivers at least once, in any order, late and early: the ledger decides what counts (design §4). */
let stack: TestStack
beforeAll(async () => {
  stack = await startTestStack()
})
afterAll(() => stack?.close())

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
      const made = await subject(stack)
      const deliverer = deliverTwice(stack.world, { seed })
      const runId = await startTwice(deliverer, made)
      await deliverer.drain()
      expect(await reportOf(runId)).toMatchObject(sound)
      await made.expectDone()
    },
  )

  it('is not changed by a finish that comes before its time, nor by any event that comes after the end', async () => {
    const made = await subject(stack)
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

/** Each number below `count` once, in an order that the seed decides. */
const shuffled = (count: number, seed: number) =>
  [...Array(count).keys()].sort((one, other) => ((one * 79 + seed * 31) % 97) - ((other * 79 + seed * 31) % 97))

it.each([1, 2, 3, 4])('the last chunk ends the run, whatever the order of the loads (seed %i)', async (seed) => {
  const made = await objectImport(stack)
  const small = { ...stack.world, settings: { ...stack.world.settings, chunkBytes: 10_000 } }
  const deliverer = deliverTwice(small, { seed, copies: 0 })
  const runId = await startTwice(deliverer, made)
  const find = (step: string) => deliverer.sent.find(({ name }) => name === step)
  const execute = async (step: string, more: object = {}) => {
    const one = find(step)
    if (one === undefined) throw new Error(`no ${step} was sent`)
    await deliverer.execute({ ...one, event: { ...one.event, ...more } as StepEvent })
  }
  await execute('plan')
  const [found] = await stack.sql(`select count(*)::integer as n from adbpg_sync.chunk where run_id = '${runId}'`)
  expect(Number(found?.n)).toBeGreaterThan(5)
  // Each once, though others send it too: a repair has sent them out of turn, and the platform queues a task id once.
  for (const ordinal of shuffled(Number(found?.n), seed)) {
    expect(find('finish')).toBeUndefined()
    await execute('load', { ordinal })
  }
  await execute('finish')
  expect(await reportOf(runId)).toMatchObject(sound)
  await made.expectDone()
})

it('events of a generation that a retry has left behind do nothing', async () => {
  const made = await objectImport(stack, (csv) => csv.replace(`\n${subjectRows - 1},`, '\nbad,'))
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
  expect(found).toEqual({ rows: subjectRows, ids: subjectRows })
})

it('a stop that comes twice in the middle ends the run, whose counts are those of the table', async () => {
  const made = await objectImport(stack)
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

it('a stop ends a run whose finish was sent before and came to nothing, without waiting for its lease', async () => {
  const made = await objectImport(stack)
  const deliverer = deliverTwice(stack.world, { seed: 7, copies: 1 })
  const runId = await startTwice(deliverer, made)
  const finishes = () => deliverer.sent.filter(({ name }) => name === 'finish')
  // Executed by hand, so that nobody takes the finish.
  for (let next = 0; finishes().length === 0; next += 1) {
    const one = deliverer.sent[next]
    if (one === undefined) throw new Error('nothing more was sent, and no finish')
    await deliverer.execute(one)
  }
  await onRun(deliverer, runId, stopRun)
  const [, second] = finishes()
  if (second === undefined) throw new Error('the stop sent no finish')
  await deliverer.execute(second)
  expect(await reportOf(runId)).toMatchObject({ state: 'stopped' })
})
