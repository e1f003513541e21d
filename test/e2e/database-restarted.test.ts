import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { RunId } from '../../shared/job/index.ts'
import { holdFirst, type SeenRequest } from '../support/fault-proxy.ts'
import { type FaultyStack, startFaultyStack } from '../support/faulty-stack.ts'
import { eventually } from '../support/fc.ts'
import { dataxJob, fromOss, intoAdbpg, unique } from '../support/stack.ts'

/**
 * The database goes away in the middle of a step, held there by a request to OSS that waits, and comes back under the
 * same address: every run ends well with each row once.
 */
let stack: FaultyStack
beforeAll(async () => {
  stack = await startFaultyStack({}, { retryBaseMs: 1_000 })
})
afterAll(() => stack?.close())

describe.each(['killed', 'clean'] as const)('a database whose restart is %s', (how) => {
  const rows = 5000
  const whole = { rows, ids: rows, low: 0, high: rows - 1 }
  const contents = async (table: string) =>
    (
      await stack.sql(
        `select count(*)::integer as rows, count(distinct id)::integer as ids, min(id)::integer as low, max(id)::integer as high from public.${table}`,
      )
    )[0]
  const fill = (table: string) =>
    `insert into public.${table} select n, repeat('z', (n % 60)::integer) from generate_series(0, ${rows - 1}) n`

  /** Runs the job up to the first request that `matches`, restarts the database there, and lets go. */
  async function runThroughRestart(job: Record<string, unknown>, matches: (request: SeenRequest) => boolean) {
    const hold = holdFirst(matches)
    stack.oss.onRequest = hold.onRequest
    const runId = await stack.start({ job })
    await hold.arrived
    await stack.restartPostgres(how)
    hold.letGo()
    await endsWell(runId)
  }

  async function endsWell(runId: RunId) {
    const report = await stack.endedWithTicks(runId)
    stack.calm()
    expect(report).toMatchObject({ state: 'succeeded', rows: { read: rows, loaded: rows, dirty: 0 }, error: null })
  }

  it('in the middle of a COPY loses and repeats no row', async () => {
    const table = unique('restart_load')
    await stack.sql(`create table public.${table} (id bigint, note text)`)
    const key = `data/${table}.csv`
    const csv = [...Array(rows).keys()].map((n) => `${n},"${'x'.repeat(n % 60)}"\n`).join('')
    await stack.world.store.put(key, Buffer.from(csv))
    let reads = 0
    // The first read is the planner's, the second that of a load that has begun its COPY, with another at its side.
    const secondLoad = ({ method, url }: SeenRequest) => {
      if (method === 'GET' && url.includes(table)) reads += 1
      return reads === 3
    }
    await runThroughRestart(dataxJob(table, fromOss(key), intoAdbpg(`public.${table}`)), secondLoad)
    expect(await contents(table)).toEqual(whole)
  })

  async function tableImport(key: 'primary key' | '') {
    const table = unique('restart_stage')
    await stack.sql(`create table public.${table} (id bigint, note text)`)
    await stack.sql(`create table public.${table} (id bigint ${key}, note text)`, stack.source)
    await stack.sql(fill(table), stack.source)
    const reader = {
      name: 'postgresqlreader',
      parameter: { datasource: 'pg_local', table: `public.${table}`, column: ['*'] },
    }
    return { table, job: dataxJob(table, reader, intoAdbpg(`public.${table}`)) }
  }

  it('in the middle of a slice that goes into the table loses and repeats no row', async () => {
    const { table, job } = await tableImport('primary key')
    const blocker = await stack.world.connectSql(stack.adbpg, new AbortController().signal)
    await blocker.query('begin')
    await blocker.query(`lock table public.${table} in exclusive mode`)
    const runId = await stack.start({ job })
    const waiting = `select from pg_locks where relation = 'public.${table}'::regclass and not granted`
    await eventually(async () => ((await stack.sql(waiting)).length > 0 ? true : null))
    await stack.restartPostgres(how)
    await endsWell(runId)
    expect(await contents(table)).toEqual(whole)
  })

  it('in the middle of a slice that is staged loses and repeats no row', async () => {
    const { table, job } = await tableImport('')
    await runThroughRestart(job, ({ method, url }) => method === 'PUT' && url.startsWith('/stage/'))
    expect(await contents(table)).toEqual(whole)
  })

  it('takes the snapshot of an export with it, and the export starts over', async () => {
    const table = unique('restart_export')
    await stack.sql(`create table public.${table} (id bigint primary key, note text)`)
    await stack.sql(fill(table))
    const reader = {
      name: 'adbpgreader',
      parameter: { datasource: 'adbpg_local', table: `public.${table}`, column: ['*'], splitPk: 'id' },
    }
    const writer = {
      name: 'osswriter',
      parameter: { datasource: 'oss_local', object: `out/${table}/part`, writeMode: 'truncate' },
    }
    const upload = ({ method, url }: SeenRequest) => method === 'POST' && url.includes(table)
    await runThroughRestart(dataxJob(table, reader, writer), upload)
    await stack.sql(`create table public.${table}_back (id bigint, note text)`)
    const back = dataxJob(`${table}_back`, fromOss(`out/${table}/*`), intoAdbpg(`public.${table}_back`))
    expect(await stack.run({ job: back })).toMatchObject({ state: 'succeeded' })
    expect(await contents(`${table}_back`)).toEqual(whole)
  })
})
