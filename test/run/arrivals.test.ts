import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TransferError } from '../../shared/errors/index.ts'
import { JobName, type RunId, runIdOf, runKeyOfObject } from '../../shared/job/index.ts'
import { insertArrival } from '../../shared/ledger/arrivals.ts'
import { statements } from '../../shared/ledger/statements.ts'
import type { SqlSession } from '../../shared/ports/index.ts'
import type { CrashPoint } from '../../shared/run/crash-points.ts'
import type { OssEvent } from '../../shared/run/events.ts'
import { gatherLeftBehind } from '../../shared/run/gather-arrivals.ts'
import { objectArrived } from '../../shared/run/object-arrived.ts'
import { statusOfObject } from '../../shared/run/object-status.ts'
import { openRemembered } from '../../shared/run/remembered.ts'
import { type RunReport, reportRun } from '../../shared/run/report.ts'
import { openRun } from '../../shared/run/run-context.ts'
import { retryRun } from '../../shared/run/steer-run.ts'
import type { World } from '../../shared/run/world.ts'
import { ample, type Deliverer, deliverTwice } from '../support/deliveries.ts'
import { currentPackage, startTestPostgres, type TestPostgres } from '../support/postgres.ts'
import { dataxJob, fromOss, intoAdbpg, startTestStack, type TestStack, unique } from '../support/stack.ts'

/** Objects that arrive together, with the steps driven here: which runs they get, and that each is loaded once. */
let stack: TestStack
let current: TestPostgres
beforeAll(async () => {
  ;[stack, current] = await Promise.all([startTestStack(), startTestPostgres(currentPackage)])
})
afterAll(() => Promise.all([stack?.close(), current?.close()]))

interface File {
  readonly key: string
  readonly text: string
}

const rowsIn = 3
const textOf = (file: number) => [...Array(rowsIn).keys()].map((n) => `${file * 10 + n},of ${file}\n`).join('')

interface JobExtras {
  readonly gather?: unknown
  readonly errorLimit?: Record<string, unknown>
  readonly writer?: Record<string, unknown>
  readonly world?: World
}

/** A stored job that waits for objects, its empty table, and what happens to it. */
async function openJob({ gather, errorLimit = { record: 0 }, writer = {}, world = stack.world }: JobExtras = {}) {
  const deliverer = deliverTwice(world, { seed: 7 })
  const table = unique('arrived')
  const sql = async <R extends Record<string, unknown>>(statement: string) => {
    await using session = await world.connectSql(stack.adbpg, ample.signal)
    return (await session.query<R>(statement)).rows
  }
  await sql(`create table public.${table} (id bigint, note text)`)
  const into = intoAdbpg(`public.${table}`, writer)
  const document = dataxJob(table, fromOss('${object}'), into, { speed: { channel: 2 }, errorLimit })
  await stack.putJob({
    ...document,
    triggers: [{ type: 'object', prefix: `drop/${table}/`, ...(gather !== undefined && { gather }) }],
  })

  const put = async (name: string, text: string) => {
    const key = `drop/${table}/${name}.csv`
    const { etag } = await stack.world.store.put(key, Buffer.from(text))
    return eventOf(key, etag, text.length)
  }
  const arrive = (event: OssEvent, via: Deliverer = deliverer) => objectArrived(via.world, event, ample)
  return {
    table,
    sql,
    deliverer,
    put,
    arrive,
    putAll: (count: number) => Promise.all([...Array(count).keys()].map((file) => put(`f${file}`, textOf(file)))),
    async reports(): Promise<RunReport[]> {
      const runs = await sql<{ run_id: RunId }>(
        `select run_id from adbpg_sync.run where job = '${table}' order by requested_at, run_id`,
      )
      await using session = await world.connectSql(stack.adbpg, ample.signal)
      return (await Promise.all(runs.map(({ run_id }) => reportRun(session, run_id, new Date())))).filter(
        (one) => one !== null,
      )
    },
    contents: async () =>
      (await sql(`select count(*)::integer as rows, count(distinct id)::integer as ids from public.${table}`))[0],
  }
}

/** The newest server there is, in the place of the oldest. */
function onCurrent(): World {
  const { host, port, user } = current.server
  const there = { host, port, user, database: 'postgres', password: 'env:PASSWORD' } as const
  return { ...stack.world, connectSql: (connection, signal) => current.connect({ ...connection, ...there }, signal) }
}

const eventOf = (key: string, etag: string, size: number): OssEvent => ({
  events: [
    {
      eventName: 'ObjectCreated:PutObject',
      eventTime: new Date().toISOString(),
      oss: { bucket: { name: stack.world.store.bucket }, object: { key, eTag: etag, size } },
    },
  ],
})

const inRows = (files: number) => ({ rows: files * rowsIn, ids: files * rowsIn })
const patient = { waitMs: 60_000 }

/** Executes what is sent while something goes on, and then the rest. */
async function drainUntil(deliverer: Deliverer, work: Promise<unknown>): Promise<void> {
  let isOver = false
  const over = work.finally(() => {
    isOver = true
  })
  while (!isOver) {
    await deliverer.drain()
    await sleep(5)
  }
  await over
  await deliverer.drain()
}

it('those that come while a run is under way share the next one, and are known by their runs ever after', async () => {
  const job = await openJob({ gather: patient })
  const events = await job.putAll(20)
  const [first, second, ...others] = events as [OssEvent, OssEvent, ...OssEvent[]]
  const [[alone]] = [await job.arrive(first)]
  expect(alone?.runs).toHaveLength(1)
  const leading = job.arrive(second)
  const isClaimed = async () =>
    (await job.sql(`select 1 from adbpg_sync.arrival where job = '${job.table}'`)).length === 2
  while (!(await isClaimed())) await sleep(5)
  for (const event of others) expect(await job.arrive(event)).toMatchObject([{ runs: [] }])
  await job.deliverer.drain()
  const shared = (await leading)[0]?.runs
  await job.deliverer.drain()
  expect(await job.contents()).toEqual(inRows(20))
  const reports = await job.reports()
  expect(reports).toMatchObject([
    { state: 'succeeded', rows: { read: rowsIn, loaded: rowsIn } },
    { state: 'succeeded', rows: { read: 19 * rowsIn, loaded: 19 * rowsIn }, chunks: 1 },
  ])
  const { objects } = await statusOfObject(stack.world, ample, `drop/${job.table}/f7.csv`)
  expect(objects).toMatchObject([{ state: 'succeeded', runId: shared?.[0], rows: { read: 3, loaded: 3, dirty: 0 } }])
  expect(reports.map(({ runId }) => runId)).toEqual([...(alone?.runs ?? []), ...(shared ?? [])])
  for (const event of others.slice(0, 3)) expect(await job.arrive(event)).toMatchObject([{ runs: shared }])
  expect(await job.arrive(first)).toMatchObject([{ runs: alone?.runs }])
  await job.deliverer.drain()
  expect(await job.reports()).toHaveLength(2)
  expect(await job.contents()).toEqual(inRows(20))
})

it.each([
  ['12', () => stack.world],
  ['current', onCurrent],
] as const)(
  'all at once, each event twice and in any order: each object is loaded once, in few runs (PostgreSQL %s)',
  async (_version, worldOf) => {
    const job = await openJob({ gather: { waitMs: 300 }, world: worldOf() })
    const events = await job.putAll(24)
    const order = [...events, ...events]
      .map((event, index) => ({ event, at: createHash('md5').update(`${index}`).digest('hex') }))
      .sort((a, b) => a.at.localeCompare(b.at))
    await drainUntil(job.deliverer, Promise.all(order.map(({ event }) => job.arrive(event))))
    expect(await job.contents()).toEqual(inRows(24))
    const reports = await job.reports()
    expect(reports.every(({ state }) => state === 'succeeded')).toBe(true)
    expect(reports.length).toBeLessThan(12)
  },
)

it('an object waits no longer than its trigger says for a run that takes long', async () => {
  const job = await openJob({ gather: { waitMs: 0 } })
  const [first, second] = (await job.putAll(2)) as [OssEvent, OssEvent]
  await job.arrive(first)
  expect((await job.arrive(second))[0]?.runs).toHaveLength(1)
  expect(await job.reports()).toHaveLength(2)
  await job.deliverer.drain()
  expect(await job.contents()).toEqual(inRows(2))
})

it.each([
  ['a trigger that says so', { gather: false }],
  ['preSql', { writer: { preSql: ['select 1'] } }],
  ['atomic', { writer: { atomic: true } }],
  ['objects that are larger than it says', { gather: { maxFileBytes: 3 } }],
])('with %s each object has a run of its own', async (_what, extras) => {
  const job = await openJob(extras)
  const events = await job.putAll(3)
  const runs = (await Promise.all(events.map((event) => job.arrive(event)))).flat().flatMap((arrival) => arrival.runs)
  expect(new Set(runs).size).toBe(3)
  for (const event of events) await job.arrive(event)
  await job.deliverer.drain()
  expect(await job.contents()).toEqual(inRows(3))
  expect(await job.reports()).toHaveLength(3)
})

it('an object that was gathered is not loaded once more by a job that gathers no longer, nor the other way round', async () => {
  const job = await openJob({ gather: patient })
  const events = await job.putAll(2)
  for (const event of events.slice(0, 1)) await job.arrive(event)
  await job.deliverer.drain()
  const document = dataxJob(job.table, fromOss('${object}'), intoAdbpg(`public.${job.table}`))
  const trigger = { type: 'object', prefix: `drop/${job.table}/` }
  await stack.putJob({ ...document, triggers: [{ ...trigger, gather: false }] })
  for (const event of events) await job.arrive(event)
  await job.deliverer.drain()
  await stack.putJob({ ...document, triggers: [trigger] })
  for (const event of events) await job.arrive(event)
  await job.deliverer.drain()
  expect(await job.contents()).toEqual(inRows(2))
  expect(await job.reports()).toHaveLength(2)
})

/** Lets `count` objects share one run: they arrive while another is under way. */
async function shareOneRun(
  job: Awaited<ReturnType<typeof openJob>>,
  files: readonly File[],
  meanwhile: () => Promise<unknown>,
) {
  const before = await job.put('first', textOf(999))
  await job.arrive(before)
  const events: OssEvent[] = []
  for (const { key, text } of files) events.push(await job.put(key, text))
  await meanwhile()
  const leading = Promise.all(events.map((event) => job.arrive(event)))
  const count = async () => (await job.sql(`select 1 from adbpg_sync.arrival where job = '${job.table}'`)).length
  while ((await count()) <= files.length) await sleep(5)
  await job.deliverer.drain()
  await leading
  await job.deliverer.drain()
}

const good = (count: number): File[] =>
  [...Array(count).keys()].map((file) => ({ key: `g${file}`, text: textOf(file) }))

describe('one bad object among good ones', () => {
  it.each([
    ['an unclosed quote', '7000,"open\n', 'source/unclosed-quote'],
    ['a wrong number of columns', '7000,a,b\n', 'record/column-count'],
    ['a value of the wrong type', '7000,a\nx,b\n', 'record/format'],
  ])('with %s is set aside with its reason, and the others are loaded', async (_what, text, code) => {
    const job = await openJob({ gather: patient })
    await shareOneRun(job, [...good(10), { key: 'bad', text }], async () => undefined)
    expect(await job.contents()).toEqual(inRows(11))
    const reports = await job.reports()
    expect(reports.filter(({ state }) => state === 'succeeded')).toMatchObject([
      { rows: { loaded: rowsIn } },
      { rows: { read: 10 * rowsIn, loaded: 10 * rowsIn, dirty: 0 } },
    ])
    expect(reports.filter(({ state }) => state === 'failed')).toMatchObject([{ error: { code }, rows: { loaded: 0 } }])
  })

  it('and is loaded by its own run once the table takes it', async () => {
    const job = await openJob({ gather: patient })
    await shareOneRun(job, [...good(3), { key: 'bad', text: 'x,b\n' }], async () => undefined)
    const [, , own] = await job.reports()
    expect(own).toMatchObject({ state: 'failed', rows: { loaded: 0 } })
    await job.sql(`alter table public.${job.table} alter id type text`)
    await using sql = await stack.world.connectSql(stack.adbpg, ample.signal)
    const at = { address: stack.adbpg, runId: own?.runId as RunId }
    await retryRun(await openRun(job.deliverer.world, sql, at, ample))
    await job.deliverer.drain()
    expect((await job.reports())[2]).toMatchObject({ state: 'succeeded', rows: { loaded: 1 } })
    expect(await job.contents()).toEqual({ rows: 4 * rowsIn + 1, ids: 4 * rowsIn + 1 })
  })

  it('replaced or deleted after it arrived: each version is loaded once or fails by itself', async () => {
    const job = await openJob({ gather: patient })
    let newer: OssEvent | undefined
    await shareOneRun(
      job,
      [...good(5), { key: 'old', text: '5000,old\n' }, { key: 'gone', text: '6000,gone\n' }],
      async () => {
        newer = await job.put('old', '5001,new\n5002,new\n')
        await stack.world.store.remove([`drop/${job.table}/gone.csv`])
      },
    )
    const later = { now: () => new Date(Date.now() + 600_000) }
    if (newer !== undefined) await objectArrived({ ...job.deliverer.world, clock: later }, newer, ample)
    await job.deliverer.drain()
    expect(await job.contents()).toEqual({ rows: 6 * rowsIn + 2, ids: 6 * rowsIn + 2 })
    const failed = (await job.reports()).filter(({ state }) => state === 'failed')
    expect(failed.map(({ error }) => error?.code).sort()).toEqual(['source/object-changed', 'source/object-missing'])
  })

  it('each is held to errorLimit by itself, in one COPY with others or not', async () => {
    const job = await openJob({ gather: patient, errorLimit: { record: 1 } })
    const one = [1, 2, 3].map((file) => ({ key: `one${file}`, text: `x,bad\n${textOf(100 + file)}` }))
    await shareOneRun(
      job,
      [...good(4), ...one, { key: 'two', text: `x,bad\ny,bad\n${textOf(200)}` }],
      async () => undefined,
    )
    expect(await job.contents()).toEqual(inRows(8))
    const [, shared, own] = await job.reports()
    expect(shared).toMatchObject({ state: 'succeeded', rows: { read: 7 * rowsIn + 3, loaded: 7 * rowsIn, dirty: 3 } })
    expect(own).toMatchObject({ state: 'failed', error: { code: 'record/limit-exceeded' } })
    const named = async (name: string) =>
      (await statusOfObject(stack.world, ample, `drop/${job.table}/${name}.csv`)).objects[0]
    expect(await named('one2')).toMatchObject({ state: 'succeeded', rows: { read: 4, loaded: 3, dirty: 1 } })
    expect(await named('two')).toMatchObject({
      state: 'failed',
      runId: own?.runId,
      rows: null,
      setAside: expect.anything(),
    })
    const lines: string[] = []
    for await (const { key } of stack.world.store.list(shared?.dirtyObject ?? '?'))
      lines.push(...((await stack.world.store.read(key, 1e6))?.body.toString() ?? '').trim().split('\n'))
    const records = lines.map(
      (line) => JSON.parse(line) as { piece: string; source: string; record: number; offset: number },
    )
    expect(records).toHaveLength(3)
    expect(new Set(records.map(({ piece }) => piece)).size).toBe(3)
    expect(records).toMatchObject(one.map(() => ({ record: 1, offset: 0 })))
    expect(
      await job.sql(`select records::integer from adbpg_sync.chunk_part_dirty where run_id = '${shared?.runId}'`),
    ).toEqual(one.map(() => ({ records: 1 })))
  })
})

/** Fails once where a process could die; the platform delivers the event anew. */
function failingAt(point: CrashPoint, nth: number): World {
  let seen = 0
  return {
    ...stack.world,
    reach(reached) {
      if (reached === point) seen += 1
      if (reached === point && seen === nth) throw new TransferError('connect/lost', `stopped at ${point}`)
    },
  }
}

const points = [
  'start/after-run-row',
  'plan/after-rows',
  'load/mid-copy',
  'load/after-copy',
  'load/after-commit',
  'finish/before-publish',
  'finish/after-publish',
  'finish/before-next',
] as const
it.each(points)('a process that dies at %s leaves no object behind, and loads none twice', async (point) => {
  // The first comes alone; of the second time, many share the run.
  for (const nth of point === 'finish/before-next' ? [1, 2] : [2]) {
    const world = failingAt(point, nth)
    const job = await openJob({ gather: { waitMs: 200 }, world })
    const events = await job.putAll(12)
    const deliver = async (event: OssEvent) => await job.arrive(event).catch(() => job.arrive(event))
    await drainUntil(job.deliverer, Promise.all(events.map(deliver)))
    expect(await job.contents()).toEqual(inRows(12))
    expect((await job.reports()).every(({ state }) => state === 'succeeded')).toBe(true)
  }
})

/** The row of an arrival whose function has gone. */
async function insertRow(jobName: string, event: OssEvent, arrivedAt: Date): Promise<void> {
  await using sql = await stack.world.connectSql(stack.adbpg, ample.signal)
  const { rows } = await sql.query<{ shape: string }>('select shape from adbpg_sync.arrival where job = $1', [jobName])
  const { bucket, object } = (event.events[0] as OssEvent['events'][number]).oss
  const name = JobName.parse(jobName)
  const at = { bucket: bucket.name, key: object.key, etag: object.eTag, size: object.size }
  const arrivalId = runIdOf(runKeyOfObject(name, at.bucket, at.key, at.etag))
  await insertArrival(sql, { ...at, arrivalId, job: name, shape: rows[0]?.shape ?? null, arrivedAt })
}

/** Does something once, right before a statement is sent. */
function before(world: World, isIt: (text: string, values: readonly unknown[]) => boolean, work: () => Promise<void>) {
  let isDone = false
  const watching: World = {
    ...world,
    async connectSql(...given) {
      const session = await world.connectSql(...given)
      const query: SqlSession['query'] = async (text, values) => {
        if (!isDone && isIt(text, values ?? [])) {
          isDone = true
          await work()
        }
        return await session.query(text, values)
      }
      return new Proxy(session, {
        get: (target, name) => (name === 'query' ? query : Reflect.get(target, name, target)),
      })
    },
  }
  return watching
}

it('one whose row was committed long after its time is taken by the one who leads', async () => {
  const rows: (() => Promise<void>)[] = []
  const insertNext = async () => await rows.shift()?.()
  const isLock = (text: string, values: readonly unknown[]) =>
    text === statements['try-lock-piece'] && values[1] === 'arrivals' && rows.length === 2
  // The leader has asked who waits, and looks from time to time whether that one still does.
  const isLook = (text: string) => text === statements['read-arrival-claim'] && rows.length === 1
  const job = await openJob({
    gather: { waitMs: 500 },
    world: before(before(stack.world, isLook, insertNext), isLock, insertNext),
  })
  const [first, second, late] = (await job.putAll(3)) as [OssEvent, OssEvent, OssEvent]
  await job.arrive(first)
  rows.push(
    () => insertRow(job.table, second, new Date()),
    () => insertRow(job.table, late, new Date(Date.now() - 60_000)),
  )
  await job.arrive(await job.put('f3', textOf(3)))
  expect(rows).toEqual([])
  await job.deliverer.drain()
  expect(await job.contents()).toEqual(inRows(4))
  const objects = await job.sql(`select objects from adbpg_sync.gathering where job = '${job.table}' order by sequence`)
  expect(objects).toEqual([{ objects: 1 }, { objects: 1 }, { objects: 1 }, { objects: 1 }])
})

it('those that keep coming while the end of a run gathers wait as long as any, so a burst has few runs', async () => {
  const waitMs = 60_000
  let aheadMs = 0
  const clock = { now: () => new Date(Date.now() + aheadMs) }
  const comes = async (file: number) =>
    await insertRow(job.table, await job.put(`late${file}`, textOf(file)), clock.now())
  let isOver = false
  // One comes while the end of the first run begins the second, others while that end waits for more, until its time is over.
  const isBegun = (text: string) => text === statements['insert-gathering'] && isOver
  const isLook = (text: string) => text === statements['read-arrival-claim'] && isOver
  const whileItWaits = async () => {
    for (const file of [3, 4, 5]) await comes(file)
    aheadMs = waitMs
  }
  const world = before(
    before({ ...stack.world, clock }, isBegun, () => comes(2)),
    isLook,
    whileItWaits,
  )
  const job = await openJob({ gather: { waitMs }, world })
  const [first, second] = (await job.putAll(2)) as [OssEvent, OssEvent]
  await job.arrive(first)
  await insertRow(job.table, second, clock.now())
  isOver = true
  // Step by step: a second `finish` might gather, too, and the second run is to stay open while the first leads.
  for (const name of ['plan', 'load', 'finish']) {
    const sent = job.deliverer.sent.find((one) => one.name === name)
    if (sent === undefined) throw new Error(`${name} was not sent`)
    await job.deliverer.execute(sent)
  }
  const objects = await job.sql(`select objects from adbpg_sync.gathering where job = '${job.table}' order by sequence`)
  expect(objects).toEqual([{ objects: 1 }, { objects: 1 }, { objects: 4 }])
  await job.deliverer.drain()
  expect(await job.contents()).toEqual(inRows(6))
})

it('one that left because somebody waits is taken, though that one was on its way out', async () => {
  const leavers: (() => Promise<void>)[] = []
  const world: World = {
    ...stack.world,
    async connectSql(...given) {
      const session = await stack.world.connectSql(...given)
      const query: SqlSession['query'] = async (text, values) => {
        if (text === statements['unlock-piece'] && values?.[1] === 'arrivals') await leavers.pop()?.()
        return await session.query(text, values)
      }
      return new Proxy(session, {
        get: (target, name) => (name === 'query' ? query : Reflect.get(target, name, target)),
      })
    },
  }
  const job = await openJob({ gather: { waitMs: 100 }, world })
  const [first, second] = (await job.putAll(2)) as [OssEvent, OssEvent]
  leavers.push(() => insertRow(job.table, second, new Date()))
  await job.arrive(first)
  await job.deliverer.drain()
  expect(leavers).toEqual([])
  expect(await job.contents()).toEqual(inRows(2))
})

it('a ledger that was removed is made anew by an instance that has known it, and the object is loaded', async () => {
  const world: World = { ...onCurrent(), remembered: openRemembered() }
  const job = await openJob({ gather: patient, world })
  const [first, second] = (await job.putAll(2)) as [OssEvent, OssEvent]
  await job.arrive(first)
  await job.deliverer.drain()
  expect(world.remembered?.ledgers.size).toBe(1)
  await job.sql('drop schema adbpg_sync cascade')
  expect((await job.arrive(second))[0]?.runs).toHaveLength(1)
  await job.deliverer.drain()
  expect(await job.reports()).toMatchObject([{ state: 'succeeded' }])
  expect(await job.contents()).toEqual(inRows(2))
})

it('what nobody looks after any more is begun by tick', async () => {
  const job = await openJob({ gather: patient })
  const [first, second] = (await job.putAll(2)) as [OssEvent, OssEvent]
  await job.arrive(first)
  await job.deliverer.drain()
  const leaving = new AbortController()
  await job.put('third', textOf(3)).then((event) => job.arrive(event))
  const left = objectArrived(job.deliverer.world, second, { signal: leaving.signal, softAt: new Date(8.64e15) })
  const count = async () => (await job.sql(`select 1 from adbpg_sync.arrival where job = '${job.table}'`)).length
  while ((await count()) < 3) await sleep(5)
  leaving.abort()
  await left.catch(() => undefined)
  await using sql = await stack.world.connectSql(stack.adbpg, ample.signal)
  const world = { ...job.deliverer.world, clock: { now: () => new Date(Date.now() + 10_000) } }
  expect(await gatherLeftBehind({ world, sql, address: stack.adbpg, deadline: ample })).toBe(1)
  await job.deliverer.drain()
  expect(await job.contents()).toEqual(inRows(3))
})
