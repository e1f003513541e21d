import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { RunId } from '../../shared/job/index.ts'
import type { CrashPoint } from '../../shared/run/crash-points.ts'
import { StartEvent } from '../../shared/run/events.ts'
import { replayDirty } from '../../shared/run/replay-dirty.ts'
import { openRun, type RunContext } from '../../shared/run/run-context.ts'
import { startJob } from '../../shared/run/start-job.ts'
import { retryRun, stopRun } from '../../shared/run/steer-run.ts'
import { ample, deliverTwice } from '../support/deliveries.ts'
import { eventually } from '../support/fc.ts'
import { dataxJob, dirtyOf, fromOss, intoAdbpg, startTestStack, type TestStack, unique } from '../support/stack.ts'

/** `atomic` and `overwrite` through the whole path: several chunks, two loaders, somebody who reads meanwhile. */
describe('a run that becomes visible at its end', () => {
  let stack: TestStack
  beforeAll(async () => {
    stack = await startTestStack()
  })
  afterAll(() => stack?.close())

  const rows = 6000
  const csvOf = (from: number, count: number, note = 'new') =>
    [...Array(count).keys()].map((n) => `${from + n},"${note}\n${'x'.repeat(n % 40)}"\n`).join('')
  const old = 7

  async function fresh(csv = csvOf(0, rows), ddl = 'id integer primary key, note text') {
    const table = unique('atomic')
    await stack.sql(`create table public.${table} (${ddl})`)
    await stack.sql(`insert into public.${table} select -n, 'old' from generate_series(1, ${old}) n`)
    await stack.world.store.put(`data/${table}.csv`, Buffer.from(csv))
    return table
  }
  const jobOf = (table: string, writer: Record<string, unknown>, errorLimit = 0) =>
    dataxJob(table, fromOss(`data/${table}.csv`), intoAdbpg(`public.${table}`, writer), {
      speed: { channel: 2 },
      errorLimit: { record: errorLimit },
    })
  const run = (table: string, writer: Record<string, unknown>, errorLimit = 0) =>
    stack.run({ job: jobOf(table, writer, errorLimit) })
  const countOf = async (table: string) =>
    (await stack.sql<{ n: number }>(`select count(*)::integer as n from public.${table}`))[0]?.n
  const collected = () =>
    stack.sql<{ name: string }>(
      "select relname::text as name from pg_class where relname like 'rows_of_r%' and relkind = 'r'",
    )

  /** What a reader sees while the run goes on, each number once. */
  async function watched<T>(table: string, work: () => Promise<T>): Promise<{ seen: Set<number>; result: T }> {
    const seen = new Set<number>()
    let isOver = false
    const looking = (async () => {
      while (!isOver) {
        seen.add((await countOf(table)) ?? -1)
        await sleep(2)
      }
    })()
    const result = await work().finally(() => {
      isOver = true
    })
    await looking
    return { seen, result }
  }

  const forms = {
    atomic: [{ atomic: true }, [old, old + rows]],
    'overwrite of the table': [{ overwrite: true }, [old, rows]],
    'overwrite by a condition': [{ overwrite: { where: "note like 'old%' or id >= 0" } }, [old, rows]],
    'atomic, with preSql that empties the table': [{ atomic: 'true', preSql: ['delete from @table'] }, [old, rows]],
  } as const

  it.each(Object.entries(forms))('%s: whoever reads sees what was there, or all', async (_form, [writer, counts]) => {
    const table = await fresh()
    const { seen, result } = await watched(table, () => run(table, writer))
    expect(result).toMatchObject({ state: 'succeeded', error: null, rows: { read: rows, loaded: rows, filtered: 0 } })
    expect(result.chunks).toBeGreaterThan(2)
    expect(await countOf(table)).toBe(counts[1])
    expect([...seen].filter((n) => !counts.includes(n as never))).toEqual([])
    expect(seen).toContain(counts[0])
    expect(await collected()).toEqual([])
    expect(result.decisions).toContainEqual(
      expect.objectContaining({
        what: expect.stringMatching(/^the run becomes visible at its end.*insert into "public"/),
      }),
    )
  })

  it('two that overwrite one table side by side leave the rows of one of them', async () => {
    const table = await fresh()
    await stack.world.store.put(`data/${table}_b.csv`, Buffer.from(csvOf(0, rows, 'other')))
    const other = dataxJob(
      `${table}_b`,
      fromOss(`data/${table}_b.csv`),
      intoAdbpg(`public.${table}`, { overwrite: 'table' }),
    )
    const [first, second] = await Promise.all([run(table, { overwrite: 'table' }), stack.run({ job: other })])
    expect([first.state, second.state]).toEqual(['succeeded', 'succeeded'])
    const notes = await stack.sql(
      `select split_part(note, chr(10), 1) as note, count(*)::integer as n from public.${table} group by 1`,
    )
    expect(notes).toHaveLength(1)
    expect(notes[0]?.n).toBe(rows)
  })

  it('merges: keys that are there are updated, or left out and counted as filtered', async () => {
    const table = await fresh(csvOf(0, rows) + csvOf(-2, 3, 'again'))
    const replaced = await run(table, { atomic: true, conflictMode: 'replace' })
    expect(replaced).toMatchObject({
      state: 'succeeded',
      rows: { read: rows + 3, loaded: rows + 2, filtered: 1, dirty: 0 },
    })
    expect(await countOf(table)).toBe(old + rows)
    const ignored = await run(table, { atomic: true, conflictMode: 'ignore' })
    expect(ignored).toMatchObject({ rows: { read: rows + 3, loaded: 0, filtered: rows + 3 } })
    // Of the key that the file has twice, in two chunks, one record is taken.
    const overwritten = await run(table, { overwrite: 'table', conflictMode: 'replace' })
    expect(overwritten).toMatchObject({ rows: { loaded: rows + 2, filtered: 1 } })
    expect(await countOf(table)).toBe(rows + 2)
  })

  it('records that cannot go in are dirty: of another form, against a check or the condition, or of one key twice', async () => {
    const table = await fresh(`${csvOf(0, rows)}x,no number\n70000,null\n80000,too high\n5,twice\n`)
    await stack.sql(`alter table public.${table} add check (note <> 'null')`)
    const report = await run(table, { overwrite: { where: 'id < 75000 -- all we know of' } }, 4)
    expect(report).toMatchObject({ state: 'succeeded', rows: { read: rows + 4, loaded: rows, dirty: 4 } })
    expect((await dirtyOf(stack, report)).map(({ sqlstate }) => sqlstate)).toEqual(['22P02', '23514', '23514', '23505'])
    expect(await countOf(table)).toBe(rows)
    // They may be loaded after all, straight into the table.
    await stack.sql(`alter table public.${table} drop constraint ${table}_note_check`)
    const { loaded } = await replayAll(report.runId)
    expect(loaded).toBe(2)
    expect(await countOf(table)).toBe(rows + 2)
  })

  async function onRun<T>(runId: RunId, work: (context: RunContext) => Promise<T>, world = stack.world): Promise<T> {
    await using sql = await world.connectSql(stack.adbpg, ample.signal)
    return await work(await openRun(world, sql, { address: stack.adbpg, runId }, ample))
  }
  const replayAll = (runId: RunId) => onRun(runId, (context) => replayDirty(context, null))
  const retry = (runId: RunId) => onRun(runId, retryRun)

  it('a run that fails leaves the table as it was; retry publishes what was collected', async () => {
    const table = await fresh(csvOf(-1, rows))
    const failed = await run(table, {
      atomic: true,
      postSql: [`update public.${table} set note = 'post' where id = 1`],
    })
    expect(failed).toMatchObject({
      state: 'failed',
      rows: { read: rows, loaded: 0 },
      error: { code: 'target/publication-refused', message: expect.stringMatching(/no row of the run.*_pkey/) },
    })
    expect(JSON.stringify(failed.error)).not.toMatch(/\(id\)=/)
    expect(await countOf(table)).toBe(old)
    expect(await collected()).toHaveLength(1)
    await expect(replayAll(failed.runId)).rejects.toMatchObject({ code: 'run/retry-first' })
    await stack.sql(`delete from public.${table} where id = -1`)
    await retry(failed.runId)
    expect(await stack.ended(failed.runId)).toMatchObject({ state: 'succeeded', rows: { read: rows, loaded: rows } })
    expect(await countOf(table)).toBe(old - 1 + rows)
    expect(await collected()).toEqual([])
  })

  it('what a failed run collected is dropped by tick when three days have passed, and retry says so', async () => {
    const table = await fresh(`${csvOf(0, rows)}x,y\n`)
    const failed = await run(table, { overwrite: 'table' })
    expect(failed).toMatchObject({ state: 'failed', error: { code: 'record/format' } })
    expect(await countOf(table)).toBe(old)
    await stack.tick()
    expect(await collected()).toHaveLength(1)
    await stack.sql(`update adbpg_sync.run_finished set finished_at = finished_at - interval '4 days'`)
    await stack.tick()
    expect(await collected()).toEqual([])
    await expect(retry(failed.runId)).rejects.toMatchObject({ code: 'run/not-retryable' })
    expect(await countOf(table)).toBe(old)
  })

  it('a run that is stopped on its way goes on with what it has collected', async () => {
    const table = await fresh(csvOf(0, rows), 'id integer, note text')
    const job = dataxJob(
      table,
      fromOss(`data/${table}.csv`),
      intoAdbpg(`public.${table}`, { overwrite: 'table', preSql: ["insert into @table values (1, 'pre')"] }),
      { speed: { channel: 1, record: 2000 }, errorLimit: { record: 0 } },
    )
    const runId = await stack.start({ job })
    const chunksDone = async () =>
      (await stack.sql(`select 1 as one from adbpg_sync.chunk_done where run_id = '${runId}'`)).length
    await eventually(async () => ((await chunksDone()) > 0 ? true : null))
    await onRun(runId, stopRun)
    expect(await stack.ended(runId)).toMatchObject({ state: 'stopped', rows: { loaded: 0 } })
    const before = await chunksDone()
    expect(before).toBeGreaterThan(0)
    expect(await countOf(table)).toBe(old)
    await retry(runId)
    const report = await stack.ended(runId)
    expect(report).toMatchObject({ state: 'succeeded', rows: { read: rows, loaded: rows } })
    expect(report.chunks).toBeGreaterThan(before)
    const [found] = await stack.sql(
      `select count(*)::integer as n, count(distinct id)::integer as ids from public.${table}`,
    )
    expect(found).toEqual({ n: rows, ids: rows })
  })

  it('a source without rows empties what it overwrites', async () => {
    const table = await fresh('')
    expect(await run(table, { overwrite: { where: 'id < -2' } })).toMatchObject({
      state: 'succeeded',
      rows: { read: 0 },
    })
    expect(await countOf(table)).toBe(2)
    expect(await run(table, { overwrite: 'table' })).toMatchObject({ state: 'succeeded' })
    expect(await countOf(table)).toBe(0)
    expect(await collected()).toEqual([])
  })

  it('what cannot be is refused by the plan', async () => {
    const refused = async (writer: Record<string, unknown>, ddl?: string) => {
      const table = await fresh(csvOf(0, 3), ddl)
      const { state, error } = await run(table, writer)
      expect(await countOf(table)).toBe(old)
      return `${state}: ${error?.code}: ${error?.message}`
    }
    expect(await refused({ overwrite: { partition: 'p2026' } })).toMatch(
      /unsupported: no partition is called p2026.*none/,
    )
    expect(await refused({ overwrite: { where: 'day = 1' } })).toMatch(/unsupported: .*columns that are loaded.*day/)
    expect(await refused({ overwrite: { where: 'id in (select 1)' } })).toMatch(/unsupported: .*without subqueries/)
    expect(await refused({ overwrite: { where: 'id = (1' } })).toMatch(/unsupported/)
    expect(await collected()).toEqual([])
  })

  /** From the database of the ledger into another one. */
  async function elsewhere(writer: Record<string, unknown>) {
    const table = await fresh('')
    await stack.sql(`create table public.${table} (id integer, note text)`, stack.source)
    await stack.sql(`insert into public.${table} select n, 'old' from generate_series(1, 3) n`, stack.source)
    const reader = {
      name: 'adbpgreader',
      parameter: { datasource: 'adbpg_local', table: `public.${table}`, column: ['*'] },
    }
    const parameter = { datasource: 'pg_local', table: `public.${table}`, column: ['*'], ...writer }
    const job = dataxJob(table, reader, { name: 'postgresqlwriter', parameter })
    const idsThere = async () => {
      const there = await stack.sql<{ id: number }>(`select id from public.${table} order by id`, stack.source)
      return there.map(({ id }) => id)
    }
    return { job, idsThere }
  }
  const collectedIds = [-7, -6, -5, -4, -3, -2, -1]

  it.each([1, 2])(
    'every event twice and in any order (%i): the rows are there once, here and elsewhere',
    async (seed) => {
      const platform = deliverTwice(stack.world, { seed })
      const table = await fresh(csvOf(0, rows), 'id integer, note text')
      const { job, idsThere } = await elsewhere({ overwrite: 'table' })
      const runIds: RunId[] = []
      for (const one of [jobOf(table, { atomic: true }), job]) {
        const event = StartEvent.parse({ job: one, idempotencyKey: unique('twice') })
        runIds.push((await startJob(platform.world, event, ample)).runId)
      }
      await platform.drain()
      for (const runId of runIds) expect(await stack.ended(runId)).toMatchObject({ state: 'succeeded', error: null })
      expect(await countOf(table)).toBe(old + rows)
      expect(await idsThere()).toEqual(collectedIds)
    },
  )

  it.each([
    ['finish/in-publication', 'stopped', [1, 2, 3]],
    ['finish/between-commits', 'succeeded', collectedIds],
  ] as const)('elsewhere, a stop that comes after a death at %s finds it %s', async (point, state, ids) => {
    let isDying = true
    const reach = (at: CrashPoint) => {
      if (isDying && at === point) throw new Error('died')
    }
    const platform = deliverTwice({ ...stack.world, reach }, { seed: 1, copies: 1 })
    const { job, idsThere } = await elsewhere({ overwrite: 'table' })
    const event = StartEvent.parse({ job, idempotencyKey: unique('dead') })
    const { runId } = await startJob(platform.world, event, ample)
    await expect(platform.drain()).rejects.toThrow('died')
    isDying = false
    expect(await onRun(runId, stopRun, platform.world)).toBe('stopping')
    const finish = platform.sent.find(({ name }) => name === 'finish')
    if (finish === undefined) throw new Error('finish was not sent')
    await platform.execute(finish)
    expect(await stack.ended(runId)).toMatchObject({ state, rows: { loaded: state === 'succeeded' ? 7 : 0 } })
    expect(await idsThere()).toEqual(ids)
  })

  it.each(['commit', 'rollback', 'commit; begin'])(
    'SQL of its author that hides %s does not pass for success, and the run ends',
    async (hidden) => {
      for (const list of ['preSql', 'postSql']) {
        const table = await fresh(csvOf(0, 3))
        // Behind a quote that is escaped, where the reading of a job takes it for text.
        const result = await run(table, {
          atomic: true,
          [list]: [`select e'\\''; ${hidden}; select '`.replace(/'$/, "''")],
        })
        expect(result).toMatchObject({ state: 'failed', error: { code: 'job/invalid', context: { parameter: list } } })
        if (list === 'preSql' || hidden === 'rollback') expect(await countOf(table)).toBe(old)
      }
    },
  )
})
