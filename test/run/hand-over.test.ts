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

let stack: TestStack
beforeAll(async () => {
  stack = await startTestStack()
})
afterAll(() => stack.close())

const signal = new AbortController().signal
const ample: Deadline = { signal, softAt: new Date(8.64e15) }
/** The time for new records is over before the first one came. */
const over: Deadline = { signal, softAt: new Date(0) }

/** Runs the steps here, one after the other, in the order in which they are sent; loads always meet their deadline. */
async function drive(job: ReturnType<typeof dataxJob>) {
  const sent: [FunctionName, unknown][] = []
  const invokeAsync = async (name: FunctionName, event: unknown) => {
    sent.push([name, event])
    return 'queued' as const
  }
  const world: World = {
    ...stack.world,
    settings: { ...stack.world.settings, chunkBytes: 2_000_000, stageChunkBytes: 2_000_000 },
    invoker: { ...stack.world.invoker, invokeAsync },
  }
  const { runId } = await startJob(world, StartEvent.parse({ job }), ample)
  let loads = 0
  for (let next = sent.shift(); next !== undefined; next = sent.shift()) {
    const [name, event] = next
    if (name === 'plan') await runStep(world, PlanEvent.parse(event), ample, planRun)
    if (name === 'stage') await runStep(world, StageEvent.parse(event), ample, stageSlice)
    if (name === 'load') await runStep(world, LoadEvent.parse(event), over, loadChunk)
    if (name === 'load') loads += 1
    if (name === 'finish') await finishRun(world, FinishEvent.parse(event), ample)
  }
  await using sql = await world.connectSql(stack.adbpg, signal)
  return { loads, report: await reportRun(sql, runId, new Date()) }
}

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
  const { loads, report } = await drive(dataxJob(table, fromOss(`data/${table}.csv`), intoAdbpg(`public.${table}`)))
  expect(report).toMatchObject({ state: 'succeeded', rows: { read: rows, loaded: rows } })
  expect(loads).toBeGreaterThan((report?.chunks ?? 0) + 3)
  expect(await contents(table)).toEqual({ rows, ids: rows, length: notes.reduce((sum, note) => sum + note.length, 0) })
})

it('and staged chunks of a table', async () => {
  const table = unique('staged')
  await stack.sql(`create table public.${table} (id bigint, note text)`)
  await stack.sql(`create table public.${table} (id bigint primary key, note text)`, stack.source)
  await stack.sql(
    `insert into public.${table} select n, E'tab\\t' || repeat('z', (n % 50)::integer) from generate_series(1, ${rows}) n`,
    stack.source,
  )
  const reader = {
    name: 'postgresqlreader',
    parameter: { datasource: 'pg_local', table: `public.${table}`, column: ['*'] },
  }
  const { loads, report } = await drive(dataxJob(table, reader, intoAdbpg(`public.${table}`)))
  expect(report).toMatchObject({ state: 'succeeded', rows: { read: rows, loaded: rows } })
  expect(loads).toBeGreaterThan((report?.chunks ?? 0) + 3)
  const [source] = await stack.sql<{ length: number }>(
    `select sum(length(note))::integer as length from public.${table}`,
    stack.source,
  )
  expect(await contents(table)).toEqual({ rows, ids: rows, length: source?.length })
})
