import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { type JobName, JobName as Name, parseJobDocument, type RunId } from '../../shared/job/index.ts'
import * as ledger from '../../shared/ledger/index.ts'
import { startBackfill } from '../../shared/run/backfill.ts'
import { listIncidents } from '../../shared/run/job-store.ts'
import { type RunReport, reportRun } from '../../shared/run/report.ts'
import { openRun, type RunContext } from '../../shared/run/run-context.ts'
import { retryRun, stopRun } from '../../shared/run/steer-run.ts'
import { tick } from '../../shared/run/tick.ts'
import type { World } from '../../shared/run/world.ts'
import { ample, type Deliverer, deliverTwice } from '../support/deliveries.ts'
import { dataxJob, fromOss, intoAdbpg, startTestStack, type TestStack, unique } from '../support/stack.ts'

const hourMs = 3_600_000
let stack: TestStack
let deliverer: Deliverer
beforeAll(async () => {
  stack = await startTestStack()
  await using sql = await stack.world.connectSql(stack.adbpg, ample.signal)
  await ledger.migrate(sql, new Date())
  // The local lease of seconds passes on a busy machine, and what was sent would be sent again.
  const settings = { ...stack.world.settings, leaseMs: hourMs / 6 }
  deliverer = deliverTwice({ ...stack.world, settings }, { seed: 1, copies: 1 })
})
afterAll(() => stack?.close())

const stored: string[] = []
afterEach(async () => {
  await stack.world.store.remove(stored.splice(0).map((name) => `jobs/${name}.json`))
})

/** Five in the morning in Shanghai, some days from now: no job was saved later. */
const five = new Date(Math.ceil(Date.now() / (24 * hourMs)) * 24 * hourMs + 45 * hourMs)
const later = (at: Date, ms: number) => new Date(at.getTime() + ms)
const atFive = { type: 'schedule', cycle: { every: 'day', at: '05:00' } }

/** A job that loads one object into a table of its own; `file`: whether the object is there yet. */
async function makeJob(schedule: object, { trigger = atFive, file = true }: { trigger?: object; file?: boolean } = {}) {
  const name = unique('job')
  await stack.sql(`create table public.${name} (id bigint, note text)`)
  const job = {
    ...dataxJob(name, fromOss(`data/${name}/$\{yyyymmdd}.csv`), intoAdbpg(`public.${name}`)),
    triggers: [trigger],
    schedule,
  }
  if (file) await putFile(name, businessDateOf(five))
  return { name: Name.parse(name), job }
}

const businessDateOf = (at: Date) =>
  later(at, 8 * hourMs - 24 * hourMs)
    .toISOString()
    .slice(0, 10)
    .replaceAll('-', '')

const putFile = (name: string, day: string) =>
  stack.world.store.put(`data/${name}/${day}.csv`, Buffer.from(`1,${day}\n`))

async function store(...jobs: readonly { name: string; job: { name: string } }[]): Promise<void> {
  for (const { name, job } of jobs) {
    await stack.putJob(job)
    stored.push(name)
  }
}

/** One look of the timer, and all work that comes of it. */
async function tickAt(at: Date, { clock, invoker }: { clock?: Date; invoker?: World['invoker'] } = {}) {
  const world = {
    ...deliverer.world,
    ...(clock === undefined ? {} : { clock: { now: () => clock } }),
    ...(invoker === undefined ? {} : { invoker }),
  }
  const answer = await tick(world, { triggerTime: at.toISOString(), triggerName: 'every-minute' }, ample)
  if (invoker === undefined) await deliverer.drain()
  return answer
}

async function runsOf(job: JobName): Promise<RunReport[]> {
  await using sql = await stack.world.connectSql(stack.adbpg, ample.signal)
  const runs = await ledger.listRuns(sql, { before: new Date(8.64e15), since: null, state: null, job, limit: 100 })
  const reports: RunReport[] = []
  for (const { runId } of runs) reports.unshift((await reportRun(sql, runId, new Date())) as RunReport)
  return reports
}
const statesOf = async (job: JobName) => (await runsOf(job)).map(({ state }) => state)
const idOf = async (job: JobName): Promise<RunId> => (await runsOf(job))[0]?.runId as RunId

async function onRun<T>(runId: RunId, work: (context: RunContext) => Promise<T>): Promise<T> {
  await using sql = await stack.world.connectSql(stack.adbpg, ample.signal)
  const result = await work(await openRun(deliverer.world, sql, { address: stack.adbpg, runId }, ample))
  await deliverer.drain()
  return result
}

describe('a cycle that depends on another job', () => {
  it('waits for the success of the same business date, says so, and begins after it', async () => {
    const first = await makeJob({}, { file: false })
    const second = await makeJob({ dependsOn: [first.name], priority: 8 })
    await store(first, second)
    await tickAt(five)
    expect(await statesOf(first.name)).toEqual(['failed'])
    expect(await runsOf(second.name)).toMatchObject([
      { state: 'waiting', waitsFor: [`${first.name} of ${five.toISOString()} to succeed`], chunks: 0 },
    ])
    await tickAt(five)
    expect(await statesOf(second.name)).toEqual(['waiting'])
    await putFile(first.name, businessDateOf(five))
    await onRun(await idOf(first.name), retryRun)
    expect(await statesOf(first.name)).toEqual(['succeeded'])
    expect(await runsOf(second.name)).toMatchObject([{ state: 'succeeded', waitsFor: [], rows: { loaded: 1 } }])
  })

  it('is begun by tick where nobody else came to it', async () => {
    const first = await makeJob({})
    const second = await makeJob({ dependsOn: [first.name], missed: 'skip' })
    await store(first)
    await tickAt(five)
    await store(second)
    const dying: World = {
      ...deliverer.world,
      reach: (point) => {
        if (point === 'start/after-run-row') throw new Error('killed')
      },
    }
    // The same look finds a run that was left behind by its own start.
    const answer = await tick(dying, { triggerTime: five.toISOString(), triggerName: 'every-minute' }, ample)
    expect(answer).toMatchObject({ started: 0, repaired: 1 })
    await deliverer.drain()
    expect(await statesOf(second.name)).toEqual(['succeeded'])
  })

  it('is one run and begins once, however many ticks there are at once', async () => {
    const first = await makeJob({})
    const second = await makeJob({ dependsOn: [first.name] })
    await store(first, second)
    const twice = () => Promise.all([1, 2, 3].map(() => tickAt(five)))
    const started = (await twice()).map((answer) => answer.started)
    expect(started.reduce((sum, count) => sum + count, 0)).toBe(2)
    await twice()
    expect([await statesOf(first.name), await statesOf(second.name)]).toEqual([['succeeded'], ['succeeded']])
    const plans = deliverer.sent.filter(({ name }) => name === 'plan')
    const [ofFirst, ofSecond] = [await idOf(first.name), await idOf(second.name)]
    expect(plans.filter(({ event }) => event.runId === ofFirst)).toHaveLength(1)
    expect(plans.filter(({ event }) => event.runId === ofSecond)).toHaveLength(1)
  })

  it('is not started where that job is not there, has no schedule, or is itself', async () => {
    const missing = await makeJob({ dependsOn: ['nobody'] })
    const manual = await makeJob({}, { trigger: { type: 'object', prefix: 'nothing/' } })
    const behind = await makeJob({ dependsOn: [manual.name] })
    await store(missing, manual, behind)
    expect(await tickAt(five)).toMatchObject({ started: 0, troubles: 2 })
    const messages = (await listIncidents(stack.world.store, 10)).map(({ message }) => message)
    expect(messages).toContain(`job ${missing.name} depends on nobody, and no job of this name is stored`)
    expect(messages).toContain(`job ${behind.name} depends on ${manual.name}, which has no schedule`)
  })

  it('does not wait on a day on which that job has no cycle', async () => {
    const weekdays = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT']
    const other = weekdays[(later(five, 8 * hourMs).getUTCDay() + 1) % 7]
    const weekly = await makeJob(
      {},
      { trigger: { type: 'schedule', cycle: { every: 'week', days: [other], at: '05:00' } } },
    )
    const daily = await makeJob({ dependsOn: [weekly.name] })
    await store(weekly, daily)
    await tickAt(five)
    expect([await statesOf(weekly.name), await statesOf(daily.name)]).toEqual([[], ['succeeded']])
  })

  it('may be stopped while it waits, and gone on with', async () => {
    const first = await makeJob({ mode: 'paused' })
    const second = await makeJob({ dependsOn: [first.name] })
    await store(first, second)
    await tickAt(five)
    expect([await statesOf(first.name), await statesOf(second.name)]).toEqual([[], ['waiting']])
    const runId = await idOf(second.name)
    await onRun(runId, stopRun)
    expect(await statesOf(second.name)).toEqual(['stopped'])
    await onRun(runId, retryRun)
    expect(await statesOf(second.name)).toEqual(['waiting'])
  })
})

describe('a cycle that depends on the one before', () => {
  it('waits for its success, however many are due', async () => {
    // Three within the ten minutes that a tick looks back.
    const trigger = { type: 'schedule', cycle: { every: 'minute', step: 4 } }
    const one = await makeJob({ dependsOnPrevious: true }, { trigger, file: false })
    await store(one)
    await tickAt(five)
    const states = await statesOf(one.name)
    expect(states).toEqual(['failed', 'waiting', 'waiting'])
    expect((await runsOf(one.name))[1]?.waitsFor).toEqual([
      expect.stringMatching(/^the cycle before, of .*, to succeed$/),
    ])
    await putFile(one.name, businessDateOf(five))
    await onRun(await idOf(one.name), retryRun)
    expect(new Set(await statesOf(one.name))).toEqual(new Set(['succeeded']))
    expect(await stack.sql(`select count(*)::integer as rows from public.${one.name}`)).toEqual([
      { rows: states.length },
    ])
  })
})

describe('what a schedule says besides its times', () => {
  it('dryRun: the cycle succeeds and moves nothing, and others that depend on it go on', async () => {
    const dry = await makeJob({ mode: 'dryRun' })
    const behind = await makeJob({ dependsOn: [dry.name] })
    await store(dry, behind)
    await tickAt(five)
    expect(await runsOf(dry.name)).toMatchObject([
      { state: 'succeeded', rows: { read: 0, loaded: 0 }, decisions: [{ what: 'nothing is moved' }] },
    ])
    expect(await stack.sql(`select 1 from public.${dry.name}`)).toEqual([])
    await tickAt(five)
    expect(await statesOf(behind.name)).toEqual(['succeeded'])
  })

  it('rerun: a cycle that failed is gone on with after the interval, and not oftener than it says', async () => {
    const one = await makeJob({ rerun: { times: 2, intervalSeconds: 600 } }, { file: false })
    await store(one)
    await tickAt(five)
    const generation = () => onRun(idOfOne, async ({ run }) => run.generation)
    const idOfOne = await idOf(one.name)
    await tickAt(five)
    expect(await generation()).toBe(0)
    await tickAt(five, { clock: later(new Date(), 601_000) })
    expect(await generation()).toBe(1)
    await tickAt(five, { clock: later(new Date(), 1_300_000) })
    expect([await generation(), await statesOf(one.name)]).toEqual([2, ['failed']])
    await tickAt(five, { clock: later(new Date(), 3_000_000) })
    expect(await generation()).toBe(2)
    await putFile(one.name, businessDateOf(five))
    await onRun(idOfOne, retryRun)
    expect(await statesOf(one.name)).toEqual(['succeeded'])
  })

  it('rerun.allowed never: nobody goes on with a cycle', async () => {
    const one = await makeJob({ rerun: { allowed: 'never', times: 3, intervalSeconds: 1 } }, { file: false })
    await store(one)
    await tickAt(five)
    await tickAt(five, { clock: later(new Date(), hourMs) })
    await expect(onRun(await idOf(one.name), retryRun)).rejects.toThrow(/forbids to run a cycle again/)
    expect(await statesOf(one.name)).toEqual(['failed'])
  })

  it('timeoutMinutes: a cycle that takes longer fails, and one that only waits does not', async () => {
    const first = await makeJob({ timeoutMinutes: 60 })
    const second = await makeJob({ timeoutMinutes: 60, dependsOn: [first.name] })
    await store(first, second)
    const losing = { ...deliverer.world.invoker, invokeAsync: async () => 'queued' as const }
    await tickAt(five, { invoker: losing })
    await tickAt(five, { clock: later(new Date(), 59 * 60_000), invoker: losing })
    expect([await statesOf(first.name), await statesOf(second.name)]).toEqual([['planning'], ['waiting']])
    await tickAt(five, { clock: later(new Date(), 61 * 60_000) })
    expect(await runsOf(first.name)).toMatchObject([{ state: 'failed', error: { code: 'run/overtime' } }])
    expect(await statesOf(second.name)).toEqual(['waiting'])
  })

  it('priority: of cycles that are due, the higher one is started first', async () => {
    const jobs = await Promise.all([1, 5, 8, 3].map((priority) => makeJob({ priority })))
    await store(...jobs)
    const begun: string[] = []
    const noting: World['invoker'] = {
      ...deliverer.world.invoker,
      async invokeAsync(name, event, id) {
        if (name === 'plan') begun.push((event as { runId: string }).runId)
        return await deliverer.world.invoker.invokeAsync(name, event, id)
      },
    }
    await tickAt(five, { invoker: noting })
    await deliverer.drain()
    const ids = await Promise.all([2, 1, 3, 0].map((index) => idOf(jobs[index]?.name as JobName)))
    expect(begun).toEqual(ids)
  })

  it('from and until: only what lies between is due', async () => {
    const day = later(five, 8 * hourMs)
      .toISOString()
      .slice(0, 10)
    const over = await makeJob({}, { trigger: { ...atFive, until: `${day} 04:59:59` } })
    const today = await makeJob({}, { trigger: { ...atFive, from: day, until: day } })
    await store(over, today)
    await tickAt(five)
    expect([await statesOf(over.name), await statesOf(today.name)]).toEqual([[], ['succeeded']])
  })
})

describe('after a downtime', () => {
  const hourly = { type: 'schedule', cycle: { every: 'hour' } }

  it.each([
    ['skip', 1],
    ['last', 2],
    ['all', 6],
  ])('the policy %s starts %i of six cycles, once', async (missed, runs) => {
    const one = await makeJob({ missed, mode: 'dryRun' }, { trigger: hourly })
    await store(one)
    // Looked at, and due, until five; then nothing runs for five hours and a half, and the next hour has just begun.
    await tickAt(later(five, 30 * 60_000))
    expect(await statesOf(one.name)).toEqual([])
    const end = later(five, 6 * hourMs)
    await tickAt(end)
    expect(await statesOf(one.name)).toHaveLength(runs)
    await tickAt(end)
    expect(await statesOf(one.name)).toHaveLength(runs)
  })

  it('a job that missed much takes its share of a tick, and keeps neither those on time nor those that missed little', async () => {
    const much = await makeJob({ missed: 'all', mode: 'dryRun', priority: 8 }, { trigger: hourly })
    const little = await makeJob({ missed: 'last', mode: 'dryRun', priority: 1 }, { trigger: hourly })
    await store(much, little)
    await tickAt(later(five, 30 * 60_000))
    const prompt = await makeJob({ mode: 'dryRun', priority: 1 })
    await store(prompt)
    const end = later(five, 24 * hourMs)
    // A second passes whenever somebody looks at the clock.
    let nowMs = Date.now()
    const now = () => {
      nowMs += 1000
      return new Date(nowMs)
    }
    const tickSlowly = async () => {
      await tick({ ...deliverer.world, clock: { now } }, { triggerTime: end.toISOString(), triggerName: 'tick' }, ample)
      await deliverer.drain()
    }
    await tickSlowly()
    const [first] = [await runsOf(much.name)]
    expect(first.length).toBeGreaterThan(0)
    expect(first.length).toBeLessThan(20)
    expect([await statesOf(little.name), await statesOf(prompt.name)]).toEqual([
      ['succeeded', 'succeeded'],
      ['succeeded'],
    ])
    for (let look = 0; look < 12; look += 1) await tickSlowly()
    const begun = await stack.sql<{ scheduled_at: Date }>(
      `select c.scheduled_at from adbpg_sync.run_cycle c join adbpg_sync.run r on r.run_id = c.run_id
       where c.job = '${much.name}' order by r.requested_at`,
    )
    const hours = Array.from({ length: 24 }, (_, hour) => later(five, (hour + 1) * hourMs))
    expect(begun.map((row) => row.scheduled_at)).toEqual(hours)
  })

  it('a job whose start failed is not taken for looked at', async () => {
    const one = await makeJob({ missed: 'all', mode: 'dryRun', dependsOn: [] }, { trigger: hourly })
    const broken = { ...one, job: { ...one.job, schedule: { missed: 'all', mode: 'dryRun', dependsOn: ['nobody'] } } }
    await store(broken)
    // Never looked at with success, and in trouble for longer than a tick looks back.
    expect(await tickAt(later(five, hourMs))).toMatchObject({ troubles: 1 })
    expect(await tickAt(later(five, 2 * hourMs))).toMatchObject({ troubles: 1 })
    // Saving it anew would move its beginning; the job it waits for comes instead.
    const other = await makeJob({ mode: 'dryRun', missed: 'skip' }, { trigger: hourly })
    await store({ name: 'nobody', job: { ...other.job, name: 'nobody' } })
    await tickAt(later(five, 2 * hourMs))
    expect(await statesOf(one.name)).toHaveLength(2)
  })
})

describe('a backfill', () => {
  const days = ['20260227', '20260228', '20260301', '20260302']
  const request = (job: object, more: object = {}) => ({
    parsed: parseJobDocument(JSON.stringify(job), null),
    from: '20260227',
    to: '20260302',
    parallel: 1,
    name: 'backfill',
    ...more,
  })

  it('has both families of dates right, date after date, and repeating it starts nothing twice', async () => {
    const one = await makeJob({}, { file: false })
    const job = JSON.parse(JSON.stringify(one.job).replace('"column":["*"],"skip', '"skip')) as typeof one.job
    for (const day of days) await putFile(one.name, day)
    const first = await startBackfill(deliverer.world, request(job), ample)
    expect(first.runs.map(({ businessDate, scheduledAt, outcome }) => [businessDate, scheduledAt, outcome])).toEqual([
      ['20260227', '2026-02-27T21:00:00.000Z', 'started'],
      ['20260228', '2026-02-28T21:00:00.000Z', 'started'],
      ['20260301', '2026-03-01T21:00:00.000Z', 'started'],
      ['20260302', '2026-03-02T21:00:00.000Z', 'started'],
    ])
    expect(await statesOf(one.name)).toEqual(['planning', 'waiting', 'waiting', 'waiting'])
    expect((await runsOf(one.name))[2]?.waitsFor).toEqual([
      `run ${first.runs[1]?.runId} of business date 20260228, which is waiting, to succeed`,
    ])
    // The end of each begins the next.
    await deliverer.drain()
    expect(await statesOf(one.name)).toEqual(days.map(() => 'succeeded'))
    expect(await stack.sql(`select note from public.${one.name} order by note`)).toEqual(days.map((note) => ({ note })))
    const again = await startBackfill(deliverer.world, request(job, { to: '20260303' }), ample)
    expect(again.runs.map(({ outcome }) => outcome)).toEqual([
      'existing',
      'existing',
      'existing',
      'existing',
      'started',
    ])
    const other = await startBackfill(deliverer.world, request(job, { name: 'again', to: '20260227' }), ample)
    expect(other.runs.map(({ outcome }) => outcome)).toEqual(['started'])
    await deliverer.drain()
  })

  it('in parallel has so many lines, and a date that fails holds up its own', async () => {
    const one = await makeJob({}, { file: false })
    for (const day of days.slice(1)) await putFile(one.name, day)
    const { runs } = await startBackfill(deliverer.world, request(one.job, { parallel: 2 }), ample)
    await deliverer.drain()
    expect(await statesOf(one.name)).toEqual(['failed', 'succeeded', 'waiting', 'succeeded'])
    await putFile(one.name, '20260227')
    await onRun(runs[0]?.runId as RunId, retryRun)
    expect(await statesOf(one.name)).toEqual(days.map(() => 'succeeded'))
  })

  it('leaves out what the job does not let run again', async () => {
    const one = await makeJob({ rerun: { allowed: 'failure' }, mode: 'dryRun' })
    await startBackfill(deliverer.world, request(one.job, { to: '20260228' }), ample)
    await tickAt(five)
    const again = await startBackfill(deliverer.world, request(one.job, { name: 'again', to: '20260301' }), ample)
    expect(again.runs.map(({ outcome }) => outcome)).toEqual(['refused', 'refused', 'started'])
    const states = await runsOf(one.name)
    expect(states.at(-1)).toMatchObject({ state: 'succeeded', waitsFor: [] })
  })

  it('takes midnight where there is no schedule, and every time of a day where there are several', async () => {
    const manual = await makeJob({ mode: 'dryRun' }, { trigger: { type: 'object', prefix: 'nothing/' } })
    const plain = await startBackfill(deliverer.world, request(manual.job, { to: '20260227' }), ample)
    expect(plain.runs).toMatchObject([{ scheduledAt: '2026-02-27T16:00:00.000Z' }])
    const hours = {
      type: 'schedule',
      cycle: { every: 'hours', hours: [0, 23], minute: 30 },
      timeZone: 'America/New_York',
    }
    const twice = await makeJob({ mode: 'dryRun' }, { trigger: hours })
    const both = await startBackfill(deliverer.world, request(twice.job, { from: '20260307', to: '20260307' }), ample)
    // 2026-03-08 has 23 hours there.
    expect(both.runs.map(({ scheduledAt }) => scheduledAt)).toEqual([
      '2026-03-08T05:30:00.000Z',
      '2026-03-09T03:30:00.000Z',
    ])
  })

  it.each([
    [{ from: '2026-02-27' }, /written as yyyymmdd/],
    [{ from: '20260230' }, /written as yyyymmdd/],
    [{ from: '20260303' }, /ends .* before it begins/],
    [{ name: 'a b' }, /name has 1 to 64/],
    [{ parameters: { bizdate: '20260101' } }, /gives bizdate to each/],
    [{ from: '20200101' }, /1000 runs at most/],
    [{ to: '20991231', from: '20991231' }, /^2099123[01].* lies in the future/],
  ])('is refused whole when it cannot be meant: %o', async (more, reason) => {
    const one = await makeJob({})
    await expect(startBackfill(deliverer.world, request(one.job, more), ample)).rejects.toThrow(reason)
    expect(await statesOf(one.name)).toEqual([])
  })

  it('of a paused job, or of dates on which it has no time, is refused', async () => {
    const paused = await makeJob({ mode: 'paused' })
    await expect(startBackfill(deliverer.world, request(paused.job), ample)).rejects.toThrow(/is paused/)
    const monthly = await makeJob({}, { trigger: { type: 'schedule', cycle: { every: 'month', days: [15] } } })
    await expect(startBackfill(deliverer.world, request(monthly.job), ample)).rejects.toThrow(
      /no time for the business dates/,
    )
  })
})
