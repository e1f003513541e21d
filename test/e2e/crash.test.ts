import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { RunId } from '../../shared/job/index.ts'
import { type CrashPoint, crashPoints } from '../../shared/run/crash-points.ts'
import type { RunReport } from '../../shared/run/report.ts'
import { eventually } from '../support/fc.ts'
import { dataxJob, fromOss, intoAdbpg, startTestStack, type TestStack, unique } from '../support/stack.ts'

/**
 * At every named place between two durable steps a function is killed with SIGKILL, once; the run must then end with every
 * row exactly once (design §4, §10), repaired by the platform's retry or by `tick`.
 */
describe('a function that is killed', () => {
  let stack: TestStack
  beforeAll(async () => {
    stack = await startTestStack()
  })
  afterAll(() => stack.close())

  const rowCount = 6000
  const csv = `${[...Array(rowCount).keys()].map((n) => `${n},"note ""${n}""\n${'y'.repeat(n % 50)}"`).join('\n')}\n`

  /** Starts through the function like a client; a start that dies is found by its idempotency key. */
  async function startAndTick(job: Record<string, unknown>): Promise<RunReport> {
    const key = unique('key')
    const runId = await stack.start({ job, idempotencyKey: key }).catch(() => null)
    const known = runId ?? (await findRun(job.name as string))
    const ticking = setInterval(() => void stack.tick().catch(() => undefined), 700)
    try {
      return await stack.ended(known)
    } finally {
      clearInterval(ticking)
    }
  }

  const findRun = (job: string) =>
    eventually(async () => {
      const [row] = await stack
        .sql<{ run_id: RunId }>(`select run_id from adbpg_sync.run where job = '${job}'`)
        .catch(() => [])
      return row?.run_id ?? null
    })

  const contents = async (table: string, where = stack.adbpg) => {
    const [row] = await stack.sql<{ rows: number; ids: number; low: number; high: number }>(
      `select count(*)::integer as rows, count(distinct id)::integer as ids, min(id)::integer as low, max(id)::integer as high from public.${table}`,
      where,
    )
    return row
  }
  const whole = { rows: rowCount, ids: rowCount, low: 0, high: rowCount - 1 }

  /** A file in OSS: chunks are ranges of it. No primary key, so that a row loaded twice would be seen. */
  async function importObject(point: CrashPoint) {
    const table = unique('crash_object')
    await stack.sql(`create table public.${table} (id bigint, note text)`)
    await stack.world.store.put(`data/${table}.csv`, Buffer.from(csv))
    await stack.crashAt(point)
    const report = await startAndTick(dataxJob(table, fromOss(`data/${table}.csv`), intoAdbpg(`public.${table}`)))
    expect(await contents(table)).toEqual(whole)
    return report
  }

  /** A gzip stream: its chunks are loaded by the function that reads it, and the second attempt goes on behind them. */
  async function importPacked(point: CrashPoint) {
    const table = unique('crash_packed')
    await stack.sql(`create table public.${table} (id bigint, note text)`)
    await stack.world.store.put(`data/${table}.csv.gz`, gzipSync(csv))
    await stack.crashAt(point)
    const report = await startAndTick(dataxJob(table, fromOss(`data/${table}.csv.gz`), intoAdbpg(`public.${table}`)))
    expect(report.chunks).toBeGreaterThan(3)
    expect(await contents(table)).toEqual(whole)
    return report
  }

  /** What has no key is one slice, whose chunks are staged. */
  const importStaged = (point: CrashPoint) => importTable(point, 'one')

  /** Each slice is read into the table. */
  async function importTable(point: CrashPoint, slices: 'several' | 'one' = 'several') {
    const table = unique('crash_table')
    await stack.sql(`create table public.${table} (id bigint, note text)`)
    const key = slices === 'one' ? '' : 'primary key'
    await stack.sql(`create table public.${table} (id bigint ${key}, note text)`, stack.source)
    await stack.sql(
      `insert into public.${table} select n, repeat('z', (n % 60)::integer) from generate_series(0, ${rowCount - 1}) n`,
      stack.source,
    )
    await stack.crashAt(point)
    const reader = {
      name: 'postgresqlreader',
      parameter: { datasource: 'pg_local', table: `public.${table}`, column: ['*'] },
    }
    const report = await startAndTick(dataxJob(table, reader, intoAdbpg(`public.${table}`)))
    expect(await contents(table)).toEqual(whole)
    return report
  }

  /** Read in two runs, the second of which is killed: the mark moves once, and no row comes twice. */
  async function readOn(point: CrashPoint) {
    const table = unique('crash_mark')
    await stack.sql(`create table public.${table} (id bigint, note text)`)
    await stack.sql(`create table public.${table} (id bigint primary key, note text)`, stack.source)
    const add = (from: number, to: number) =>
      stack.sql(`insert into public.${table} select n, 'x' from generate_series(${from}, ${to}) n`, stack.source)
    const reader = {
      name: 'postgresqlreader',
      parameter: {
        datasource: 'pg_local',
        table: `public.${table}`,
        column: ['*'],
        splitPk: 'id',
        incremental: { column: 'id' },
      },
    }
    const job = dataxJob(table, reader, intoAdbpg(`public.${table}`))
    await add(0, 99)
    expect(await stack.run({ job })).toMatchObject({ state: 'succeeded', rows: { read: 100 } })
    await add(100, rowCount - 1)
    await stack.crashAt(point)
    const { runId } = await startAndTick(job)
    expect(await stack.ended(runId)).toMatchObject({ state: 'succeeded', rows: { read: rowCount - 100 } })
    const marks = await stack.sql(`select value from adbpg_sync.watermark where job = '${table}' order by sequence`)
    expect(marks).toEqual([{ value: '99' }, { value: String(rowCount - 1) }])
    const again = await stack.run({ job })
    expect(again).toMatchObject({ state: 'succeeded', rows: { read: 0 } })
    expect(await contents(table)).toEqual(whole)
    return { ...again, rows: { read: rowCount, loaded: rowCount, dirty: 0, filtered: 0 } }
  }

  async function exportTable(point: CrashPoint) {
    const table = unique('crash_export')
    await stack.sql(`create table public.${table} (id bigint primary key, note text)`)
    await stack.sql(
      `insert into public.${table} select n, repeat('z', (n % 60)::integer) from generate_series(0, ${rowCount - 1}) n`,
    )
    await stack.crashAt(point)
    const reader = {
      name: 'adbpgreader',
      parameter: { datasource: 'adbpg_local', table: `public.${table}`, column: ['*'], splitPk: 'id' },
    }
    const writer = {
      name: 'osswriter',
      parameter: { datasource: 'oss_local', object: `out/${table}/part`, writeMode: 'truncate' },
    }
    const report = await startAndTick(dataxJob(table, reader, writer))
    const back = `${table}_back`
    await stack.sql(`create table public.${back} (id bigint, note text)`)
    await stack.run({ job: dataxJob(back, fromOss(`out/${table}/*`), intoAdbpg(`public.${back}`)) })
    expect(await contents(back)).toEqual(whole)
    return report
  }

  /** Rows that are there before are there until the end of the run, and not after it; no table of the run is left. */
  async function overwriteHere(point: CrashPoint) {
    const table = unique('crash_overwrite')
    await stack.sql(`create table public.${table} (id bigint, note text)`)
    await stack.sql(`insert into public.${table} select n, 'old' from generate_series(-3, 3) n`)
    await stack.world.store.put(`data/${table}.csv`, Buffer.from(csv))
    await stack.crashAt(point)
    const writer = intoAdbpg(`public.${table}`, { overwrite: 'table' })
    const report = await startAndTick(dataxJob(table, fromOss(`data/${table}.csv`), writer))
    expect(await contents(table)).toEqual(whole)
    expect(await stack.sql(collected)).toEqual([])
    return report
  }

  /** The ledger is in another database than the rows. */
  async function appendElsewhere(point: CrashPoint) {
    const table = unique('crash_elsewhere')
    await stack.sql(`create table public.${table} (id bigint, note text)`)
    await stack.sql(`insert into public.${table} select n, 'new' from generate_series(0, ${rowCount - 1}) n`)
    await stack.sql(`create table public.${table} (id bigint, note text)`, stack.source)
    await stack.crashAt(point)
    const reader = {
      name: 'adbpgreader',
      parameter: { datasource: 'adbpg_local', table: `public.${table}`, column: ['*'] },
    }
    const postSql = [`insert into public.${table} values (${rowCount}, 'by postSql')`]
    const parameter = { datasource: 'pg_local', table: `public.${table}`, column: ['*'], atomic: true, postSql }
    const report = await startAndTick(dataxJob(table, reader, { name: 'postgresqlwriter', parameter }))
    expect(await contents(table, stack.source)).toEqual({
      rows: rowCount + 1,
      ids: rowCount + 1,
      low: 0,
      high: rowCount,
    })
    expect(await stack.sql(collected, stack.source)).toEqual([])
    return report
  }

  const collected = `select relname from pg_class where relname like 'rows\\_of\\_%' and relkind = 'r'`

  const scenarios: Record<CrashPoint, readonly ((point: CrashPoint) => Promise<RunReport>)[]> = {
    'start/after-run-row': [importObject],
    'plan/after-rows': [importObject, exportTable, readOn, appendElsewhere],
    'stage/mid-object': [importStaged, exportTable],
    'stage/after-part': [importPacked],
    'stage/after-object': [importStaged, exportTable, importPacked],
    'stage/after-ledger-row': [importTable, importStaged, exportTable, readOn],
    'load/mid-copy': [importObject, importTable, importStaged, importPacked],
    'load/after-copy': [importObject, importTable, importStaged, importPacked],
    // Towards a destination with no ledger of ours: test/e2e/mysql.test.ts.
    'load/between-commits': [],
    'load/after-commit': [importObject, importTable, importStaged, importPacked],
    'finish/before-publish': [importObject, exportTable, readOn],
    'finish/in-publication': [overwriteHere, appendElsewhere],
    'finish/between-commits': [appendElsewhere],
    // Only runs of arrivals come there: test/run/arrivals.test.ts.
    'finish/before-next': [],
    'finish/after-publish': [importObject, exportTable, readOn, appendElsewhere],
    'finish/before-clean-up': [importTable, readOn],
  }

  for (const point of crashPoints) {
    for (const scenario of scenarios[point]) {
      it(`at ${point}, ${scenario.name}: every row is there once`, async () => {
        const report = await scenario(point)
        // Behind the row that ends a run: its report may be there before the crash.
        await eventually(() => stack.crashed())
        expect(report).toMatchObject({ state: 'succeeded', rows: { read: rowCount, loaded: rowCount, dirty: 0 } })
      })
    }
  }
})
