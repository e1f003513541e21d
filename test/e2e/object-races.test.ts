import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { RunId } from '../../shared/job/index.ts'
import { listIncidents } from '../../shared/run/job-store.ts'
import { codeOf } from '../contract/object-store.ts'
import { holdFirst, type SeenRequest } from '../support/fault-proxy.ts'
import { type FaultyStack, startFaultyStack } from '../support/faulty-stack.ts'
import { eventually } from '../support/fc.ts'
import { dataxJob, fromOss, intoAdbpg, unique } from '../support/stack.ts'

/** Files that come, change and go while runs are under way, and documents that are too large. */
let stack: FaultyStack
beforeAll(async () => {
  stack = await startFaultyStack()
})
afterEach(() => stack.calm())
afterAll(() => stack?.close())

const rows = 4000
const csvOf = (version: string) =>
  [...Array(rows).keys()].map((n) => `${n},${version},${'x'.repeat(n % 50)}\n`).join('')

/** A stored job that waits for files under `in/<table>/`, and its empty table. */
async function dropJob() {
  const table = unique('drop')
  await stack.sql(`create table public.${table} (id bigint, version text, note text)`)
  const document = dataxJob(table, fromOss('${object}'), intoAdbpg(`public.${table}`))
  await stack.putJob({ ...document, triggers: [{ type: 'object', prefix: `in/${table}/`, suffix: '.csv' }] })
  const drop = (version: string, name = 'a') =>
    stack.world.store.put(`in/${table}/${name}.csv`, Buffer.from(csvOf(version)))
  const runs = async (count: number) =>
    await eventually(async () => {
      const found = await stack
        .sql<{ run_id: RunId }>(`select run_id from adbpg_sync.run where job = '${table}' order by requested_at`)
        .catch(() => [])
      return found.length >= count ? found.map((row) => row.run_id) : null
    })
  const loaded = async () =>
    Object.fromEntries(
      (
        await stack.sql<{ version: string; rows: number; ids: number }>(
          `select version, count(*)::integer as rows, count(distinct id)::integer as ids from public.${table} group by version`,
        )
      ).map(({ version, rows: count, ids }) => [version, { rows: count, ids }]),
    )
  return { table, drop, runs, loaded }
}

const whole = { rows, ids: rows }
const get = (part: string) => (request: SeenRequest) => request.method === 'GET' && request.url.includes(part)
const head = (part: string) => (request: SeenRequest) => request.method === 'HEAD' && request.url.includes(part)

/** The n-th request that matches. */
function nth(count: number, matches: (request: SeenRequest) => boolean) {
  let seen = 0
  return (request: SeenRequest) => {
    if (matches(request)) seen += 1
    return seen === count && matches(request)
  }
}

describe('a dropped file', () => {
  it('beside another for the same job: two runs at once, each whole', async () => {
    const job = await dropJob()
    await Promise.all([job.drop('one', 'a'), job.drop('two', 'b')])
    for (const runId of await job.runs(2)) {
      expect(await stack.ended(runId)).toMatchObject({ state: 'succeeded', rows: { read: rows, loaded: rows } })
    }
    expect(await job.loaded()).toEqual({ one: whole, two: whole })
  })

  it('replaced before the planner sees it: the first run does not load what belongs to the second', async () => {
    const job = await dropJob()
    const hold = holdFirst(head(job.table))
    stack.oss.onRequest = hold.onRequest
    await job.drop('old')
    await hold.arrived
    await job.drop('new')
    hold.letGo()
    const [first, second] = await job.runs(2)
    expect(await stack.ended(second as RunId)).toMatchObject({ state: 'succeeded', rows: { loaded: rows } })
    expect(await stack.ended(first as RunId)).toMatchObject({
      state: 'failed',
      rows: { loaded: 0 },
      error: { code: 'source/object-changed' },
    })
    expect(await job.loaded()).toEqual({ new: whole })
  })

  it('replaced while it is loaded: the first run says so and keeps what it counted, the second is whole', async () => {
    const job = await dropJob()
    const hold = holdFirst(nth(3, get(job.table)))
    stack.oss.onRequest = hold.onRequest
    await job.drop('old')
    await hold.arrived
    await job.drop('new')
    hold.letGo()
    const [first, second] = await job.runs(2)
    const failed = await stack.ended(first as RunId)
    expect(failed).toMatchObject({
      state: 'failed',
      error: { code: 'source/object-changed', advice: expect.any(String) },
    })
    expect(await stack.ended(second as RunId)).toMatchObject({ state: 'succeeded', rows: { loaded: rows } })
    const { old, ...others } = await job.loaded()
    expect(old?.rows ?? 0).toBe(failed.rows.loaded)
    expect(others).toEqual({ new: whole })
  })

  it('deleted before the planner sees it: the run fails and says which key', async () => {
    const job = await dropJob()
    const hold = holdFirst(head(job.table))
    stack.oss.onRequest = hold.onRequest
    await job.drop('gone')
    await hold.arrived
    await stack.world.store.remove([`in/${job.table}/a.csv`])
    hold.letGo()
    const [runId] = await job.runs(1)
    const report = await stack.ended(runId as RunId)
    expect(report).toMatchObject({
      state: 'failed',
      error: { code: 'source/object-missing', advice: expect.any(String) },
    })
    expect(report.error?.message).toContain(`in/${job.table}/a.csv`)
    expect(await job.loaded()).toEqual({})
  })

  it('deleted between plan and load: the run fails with its code, and the counts are those of the table', async () => {
    const job = await dropJob()
    const hold = holdFirst(nth(2, get(job.table)))
    stack.oss.onRequest = hold.onRequest
    await job.drop('gone')
    await hold.arrived
    await stack.world.store.remove([`in/${job.table}/a.csv`])
    hold.letGo()
    const [runId] = await job.runs(1)
    const report = await stack.ended(runId as RunId)
    expect(report).toMatchObject({
      state: 'failed',
      error: { code: 'source/object-missing', advice: expect.any(String) },
    })
    expect((await job.loaded()).gone?.rows ?? 0).toBe(report.rows.loaded)
  })

  it('starts every job that waits for it, though one of them is in trouble', async () => {
    const job = await dropJob()
    const { port } = stack.adbpg
    for (const [name, wrong] of [
      [`aaa_${job.table}`, { datasource: 'no_such_datasource' }],
      [
        `aab_${job.table}`,
        {
          datasource: undefined,
          username: 'nobody_at_all',
          password: 'env:ADBPG_LOCAL_PASSWORD',
          connection: [{ jdbcUrl: `jdbc:postgresql://127.0.0.1:${port}/adbpg`, table: [`public.${job.table}`] }],
          table: undefined,
        },
      ],
    ] as const) {
      const document = dataxJob(name, fromOss('${object}'), intoAdbpg(`public.${job.table}`, wrong))
      await stack.putJob({ ...document, triggers: [{ type: 'object', prefix: `in/${job.table}/` }] })
    }
    await job.drop('good')
    const [runId] = await job.runs(1)
    expect(await stack.ended(runId as RunId)).toMatchObject({ state: 'succeeded', rows: { loaded: rows } })
    expect(await job.loaded()).toEqual({ good: whole })
    const incidents = await eventually(async () => {
      const found = await listIncidents(stack.world.store, 100)
      const ours = found.filter(({ context }) => String(context.job).includes(job.table))
      return ours.length > 1 ? ours : null
    })
    expect(new Set(incidents.map(({ code }) => code))).toEqual(
      new Set(['job/unknown-datasource', 'connect/wrong-credentials']),
    )
  })
})

describe('the key of a dropped file', () => {
  it('is itself, also where it holds what stands for other characters in a pattern', async () => {
    const job = await dropJob()
    await job.drop('one', 'a1')
    await job.drop('two', 'a?')
    await job.drop('three', '*')
    for (const runId of await job.runs(3))
      expect(await stack.ended(runId)).toMatchObject({ state: 'succeeded', rows: { loaded: rows } })
    expect(await job.loaded()).toEqual({ one: whole, two: whole, three: whole })
  })

  it('outside of what the object function watches is told of the job that waits there', async () => {
    const name = unique('unwatched')
    const document = dataxJob(name, fromOss('${object}'), intoAdbpg('public.none'))
    await stack.putJob({ ...document, triggers: [{ type: 'object', prefix: 'daily/' }] })
    await stack.tick()
    const incidents = await listIncidents(stack.world.store, 100)
    expect(incidents.find(({ context }) => context.job === name)?.message).toContain('s.yaml watches in/')
  })
})

describe('a document', () => {
  const large = (bytes: number) => ({ description: 'x'.repeat(bytes) })

  it('over 128 KB in an asynchronous start is refused with its code and the next step', async () => {
    const job = { ...dataxJob(unique('large'), fromOss('none'), intoAdbpg('public.none')), ...large(140_000) }
    const refused = stack.world.invoker.invokeAsync('start', { job }, unique('task'))
    await expect(refused).rejects.toMatchObject({ code: 'event/too-large' })
    await expect(refused).rejects.toHaveProperty('policy.advice', expect.stringContaining('128 KB'))
  })

  it('of that size runs by a synchronous start, whose steps send small events', async () => {
    const table = unique('large')
    await stack.sql(`create table public.${table} (id bigint, version text, note text)`)
    await stack.world.store.put(`data/${table}.csv`, Buffer.from(csvOf('v')))
    const job = { ...dataxJob(table, fromOss(`data/${table}.csv`), intoAdbpg(`public.${table}`)), ...large(140_000) }
    expect(await stack.run({ job })).toMatchObject({ state: 'succeeded', rows: { loaded: rows } })
  })

  it('over 4 MiB in the bucket is refused by name, told as an incident, and keeps no other job from running', async () => {
    const name = `aaa_${unique('huge')}`
    await stack.world.store.put(`jobs/${name}.json`, Buffer.alloc(4 * 1024 * 1024 + 1, ' '))
    expect(await codeOf(stack.start({ job: name }))).toBe('event/too-large')
    const job = await dropJob()
    await job.drop('other')
    const [runId] = await job.runs(1)
    expect(await stack.ended(runId as RunId)).toMatchObject({ state: 'succeeded', rows: { loaded: rows } })
    const incidents = await listIncidents(stack.world.store, 100)
    expect(incidents).toContainEqual(
      expect.objectContaining({ code: 'event/too-large', context: expect.objectContaining({ job: name }) }),
    )
    await stack.tick()
    await stack.world.store.remove([`jobs/${name}.json`])
  })
})
