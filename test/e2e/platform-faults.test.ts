import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { type Fault, inOrder, type SeenRequest } from '../support/fault-proxy.ts'
import { type FaultyStack, startFaultyStack } from '../support/faulty-stack.ts'
import { dataxJob, fromOss, intoAdbpg, type TestStack, unique } from '../support/stack.ts'

const rows = 3000
const ids = [...Array(rows).keys()]
const csv = ids.map((n) => `${n},"note ""${n}""\n${'y'.repeat(n % 50)}"\n`).join('')
const fill = (table: string) =>
  `insert into public.${table} select n, repeat('z', 20 + (n % 60)::integer) from generate_series(0, ${rows - 1}) n`

async function expectWhole(stack: TestStack, table: string) {
  const [found] = await stack.sql(
    `select count(*)::integer as rows, count(distinct id)::integer as ids, max(id)::integer as high from public.${table}`,
  )
  expect(found).toEqual({ rows, ids: rows, high: rows - 1 })
}

const sound = { state: 'succeeded', rows: { read: rows, loaded: rows, dirty: 0, filtered: 0 }, error: null }

async function objectJob(stack: TestStack) {
  const table = unique('faulty')
  await stack.sql(`create table public.${table} (id bigint, note text)`)
  await stack.world.store.put(`data/${table}.csv`, Buffer.from(csv))
  return { table, job: dataxJob(table, fromOss(`data/${table}.csv`), intoAdbpg(`public.${table}`)) }
}

async function tableJob(stack: TestStack) {
  const table = unique('faulty')
  await stack.sql(`create table public.${table} (id bigint, note text)`)
  await stack.sql(`create table public.${table} (id bigint primary key, note text)`, stack.source)
  await stack.sql(fill(table), stack.source)
  const parameter = { datasource: 'pg_local', table: `public.${table}`, column: ['*'], splitPk: 'id' }
  return { table, job: dataxJob(table, { name: 'postgresqlreader', parameter }, intoAdbpg(`public.${table}`)) }
}

async function exportJob(stack: TestStack) {
  const table = unique('faulty')
  await stack.sql(`create table public.${table} (id bigint primary key, note text)`)
  await stack.sql(fill(table))
  const parameter = { datasource: 'adbpg_local', table: `public.${table}`, column: ['*'], splitPk: 'id' }
  const object = { datasource: 'oss_local', object: `out/${table}/part`, writeMode: 'truncate' }
  const job = dataxJob(table, { name: 'adbpgreader', parameter }, { name: 'osswriter', parameter: object })
  return { table, job }
}

async function expectExported(stack: TestStack, table: string) {
  await stack.sql(`create table public.${table}_back (id bigint, note text)`)
  const back = dataxJob(`${table}_back`, fromOss(`out/${table}/*`), intoAdbpg(`public.${table}_back`))
  expect(await stack.run({ job: back })).toMatchObject(sound)
  await expectWhole(stack, `${table}_back`)
}

const isAsync = ({ headers }: SeenRequest) => /async/i.test(String(headers['x-fc-invocation-type']))
const taskOf = ({ headers }: SeenRequest) =>
  String(headers['x-fc-async-task-id'] ?? headers['x-fc-stateful-async-invocation-id'])
const times = (count: number, fault: Fault) => Array<Fault>(count).fill(fault)

/** One stack for each generation of the API. */
const stacks = new Map<string, FaultyStack>()
beforeAll(async () => {
  for (const api of ['2023-03-30', '2016-08-15']) stacks.set(api, await startFaultyStack({ ADBPG_SYNC_FC_API: api }))
})
afterEach(() => {
  for (const stack of stacks.values()) stack.calm()
})
afterAll(async () => {
  for (const stack of stacks.values()) await stack.close()
})

function stackOf(api: string): FaultyStack {
  const stack = stacks.get(api)
  if (stack === undefined) throw new Error(`no stack for ${api}`)
  return stack
}

describe.each(['2023-03-30', '2016-08-15'])('Function Compute of the API of %s', (api) => {
  let stack: FaultyStack
  beforeAll(() => {
    stack = stackOf(api)
  })

  it.each([
    ['throttles', { kind: 'refuse-fc', status: 429, code: 'ResourceExhausted' }],
    ['is unavailable to', { kind: 'refuse-fc', status: 503, code: 'ServiceUnavailable' }],
    ['loses the answer to', { kind: 'lose-answer' }],
  ] as const)(
    '%s the asynchronous calls for a while: the run ends, and nothing is there twice',
    async (_what, fault) => {
      const { table, job } = await objectJob(stack)
      // The first call for each task: of a lost answer, the repeat meets its own task id.
      const tasks = new Set<string>()
      stack.fc.onRequest = (request) => {
        const task = taskOf(request)
        if (!isAsync(request) || tasks.has(task)) return null
        tasks.add(task)
        return fault
      }
      expect(await stack.endedWithTicks(await stack.start({ job }))).toMatchObject(sound)
      await expectWhole(stack, table)
      expect(tasks.size).toBeGreaterThan(3)
    },
  )

  it('throttles for longer than a step repeats: the platform repeats the step', async () => {
    const { table, job } = await tableJob(stack)
    const runId = await stack.start({ job })
    stack.fc.onRequest = inOrder(times(7, { kind: 'refuse-fc', status: 429, code: 'ResourceExhausted' }), isAsync)
    expect(await stack.endedWithTicks(runId)).toMatchObject(sound)
    await expectWhole(stack, table)
  })
})

describe('OSS', () => {
  let stack: FaultyStack
  beforeAll(() => {
    stack = stackOf('2023-03-30')
  })

  const reads = (part: string) => (request: SeenRequest) => request.method === 'GET' && request.url.includes(part)
  const puts = ({ method, url }: SeenRequest) => method === 'PUT' && url.includes('/stage/')
  const unavailable = { kind: 'refuse', status: 503, code: 'ServiceUnavailable' } as const
  const slowDown = { kind: 'refuse', status: 503, code: 'SlowDown' } as const

  it('cuts reads short, of the planner and of the loads', async () => {
    const { table, job } = await objectJob(stack)
    const cuts = [100, 40_000, 0, 65_000].map((afterBytes) => ({ kind: 'cut', afterBytes }) as const)
    stack.oss.onRequest = inOrder(cuts, reads(table))
    expect(await stack.endedWithTicks(await stack.start({ job }))).toMatchObject(sound)
    await expectWhole(stack, table)
    expect(stack.oss.seen.filter(reads(table)).length).toBeGreaterThan(cuts.length)
  })

  it('answers 503 to reads', async () => {
    const { table, job } = await objectJob(stack)
    stack.oss.onRequest = inOrder([unavailable, slowDown, unavailable, slowDown, unavailable], reads(table))
    expect(await stack.endedWithTicks(await stack.start({ job }))).toMatchObject(sound)
    await expectWhole(stack, table)
  })

  it.each([
    ['answers 503 to puts of chunks', [unavailable, slowDown, unavailable, unavailable, slowDown]],
    ['loses the answers to puts of chunks', times(3, { kind: 'lose-answer' })],
    ['breaks the connections of puts of chunks', times(3, { kind: 'reset' })],
  ] as const)('%s', async (_what, faults) => {
    const { table, job } = await tableJob(stack)
    stack.oss.onRequest = inOrder(faults, puts)
    expect(await stack.endedWithTicks(await stack.start({ job }))).toMatchObject(sound)
    await expectWhole(stack, table)
  })

  it('cuts the reads of staged chunks short', async () => {
    const { table, job } = await tableJob(stack)
    stack.oss.onRequest = inOrder(times(2, { kind: 'cut', afterBytes: 30_000 }), reads('/stage/'))
    expect(await stack.endedWithTicks(await stack.start({ job }))).toMatchObject(sound)
    await expectWhole(stack, table)
  })

  const calls: readonly [string, (request: SeenRequest) => boolean][] = [
    ['that begin an upload', ({ method, url }) => method === 'POST' && /[?&]uploads/.test(url)],
    ['with a part', ({ method, url }) => method === 'PUT' && /partNumber=/.test(url)],
    ['that complete an upload', ({ method, url }) => method === 'POST' && /uploadId=/.test(url)],
  ]
  it.each(calls)('loses the answers to calls %s, and refuses some', async (_what, matches) => {
    const { table, job } = await exportJob(stack)
    const faults = [{ kind: 'lose-answer' } as const, unavailable, { kind: 'lose-answer' } as const]
    stack.oss.onRequest = inOrder(faults, (request) => matches(request) && request.url.includes(table))
    expect(await stack.endedWithTicks(await stack.start({ job }))).toMatchObject(sound)
    expect(stack.oss.seen.filter((one) => matches(one) && one.url.includes(table)).length).toBeGreaterThan(3)
    stack.calm()
    await expectExported(stack, table)
  })
})
