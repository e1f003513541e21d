import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type JobName, type RunId, runIdOf, runKeyOfObject } from '../../shared/job/index.ts'
import { gather } from '../contract/object-store.ts'
import { dataxJob, fromOss, intoAdbpg, startTestStack, type TestStack, unique } from '../support/stack.ts'

/** The suite runs whole once with each generation of the platform's API (design §8). */
describe.each(['2023-03-30', '2016-08-15'])('the pipeline through the API of %s', (api) => {
  let stack: TestStack
  beforeAll(async () => {
    stack = await startTestStack({ ADBPG_SYNC_FC_API: api })
  })
  afterAll(() => stack.close())

  /** 5000 records with quotes and newlines inside fields: about 400 kB, so some seven chunks. */
  const rows = [...Array(5000).keys()]
  const csv = (from = 0) =>
    `id,note\n${rows.map((n) => `${n + from},"line one of ${n}\nline ""two"", and a comma ${'x'.repeat(n % 60)}"`).join('\n')}\n`

  const makeTable = async (table: string) => {
    await stack.sql(`create table public.${table} (id bigint primary key, note text)`)
  }
  const countOf = async (table: string) => {
    const [row] = await stack.sql<{ rows: number; ids: number }>(
      `select count(*)::integer as rows, count(distinct id)::integer as ids from public.${table}`,
    )
    return row
  }

  it('loads a dropped file exactly once, also when its event comes twice', async () => {
    const table = unique('dropped')
    await makeTable(table)
    await stack.putJob({
      ...dataxJob(table, fromOss('${object}', { skipHeader: true }), intoAdbpg(`public.${table}`)),
      triggers: [{ type: 'object', prefix: `in/${table}/`, suffix: '.csv' }],
    })
    const key = `in/${table}/a file.csv`
    const { etag } = await stack.world.store.put(key, Buffer.from(csv()))
    const bucket = stack.world.store.bucket
    const report = await stack.ended(
      await stack.waitForRun(runIdOf(runKeyOfObject(table as JobName, bucket, key, etag))),
    )
    expect(report).toMatchObject({
      state: 'succeeded',
      rows: { read: 5000, loaded: 5000, dirty: 0, filtered: 0 },
      error: null,
    })
    expect(report.chunks).toBeGreaterThan(3)
    const event = {
      eventName: 'ObjectCreated:PutObject',
      eventTime: 'now',
      oss: { bucket: { name: bucket }, object: { key, eTag: etag, size: 1 } },
    }
    await stack.world.invoker.invokeSync('object', { events: [event, event] }, 30_000)
    expect(await countOf(table)).toEqual({ rows: 5000, ids: 5000 })
    const [note] = await stack.sql<{ note: string }>(`select note from public.${table} where id = 7`)
    expect(note?.note).toBe(`line one of 7\nline "two", and a comma ${'x'.repeat(7)}`)
    const staged: string[] = []
    for await (const head of stack.world.store.list('stage/')) staged.push(head.key)
    expect(staged).toEqual([])
  })

  it('is one run for one idempotency key', async () => {
    const table = unique('keyed')
    await makeTable(table)
    await stack.world.store.put(`data/${table}.csv`, Buffer.from(csv()))
    const job = dataxJob(table, fromOss(`data/${table}.csv`, { skipHeader: true }), intoAdbpg(`public.${table}`))
    const [first, second] = await Promise.all([
      stack.start({ job, idempotencyKey: 'k' }),
      stack.start({ job, idempotencyKey: 'k' }),
    ])
    expect(first).toBe(second)
    expect(await stack.ended(first as RunId)).toMatchObject({ state: 'succeeded', rows: { loaded: 5000 } })
    expect(await countOf(table)).toEqual({ rows: 5000, ids: 5000 })
  })

  it('copies a PostgreSQL table through stage, in slices, with preSql and postSql', async () => {
    const table = unique('copied')
    await makeTable(table)
    await stack.sql(`create table public.${table} (id bigint primary key, note text)`, stack.source)
    await stack.sql(
      `insert into public.${table} select n, case when n % 7 = 0 then null when n % 5 = 0 then '' else E'tab\\t back\\\\slash\\nline ' || n end from generate_series(1, 20000) n`,
      stack.source,
    )
    await stack.sql(`insert into public.${table} values (-1, 'old')`)
    const report = await stack.run({
      job: dataxJob(
        table,
        {
          name: 'postgresqlreader',
          parameter: {
            datasource: 'pg_local',
            table: `public.${table}`,
            column: ['*'],
            splitPk: 'id',
            where: 'id <= 15000',
          },
        },
        intoAdbpg(`public.${table}`, {
          preSql: [`delete from public.${table}`],
          postSql: [`insert into public.${table} values (-2, 'post')`],
        }),
      ),
    })
    expect(report).toMatchObject({ state: 'succeeded', rows: { read: 15000, loaded: 15000, dirty: 0 } })
    expect(await countOf(table)).toEqual({ rows: 15001, ids: 15001 })
    const digest = `select md5(string_agg(id || ':' || coalesce(note, 'NULL'), ',' order by id)) as digest from public.${table} where id between 1 and 15000`
    expect(await stack.sql(digest)).toEqual(await stack.sql(digest, stack.source))
  })

  it('exports a table to OSS as CSV that loads back into the same rows', async () => {
    const table = unique('exported')
    await makeTable(table)
    await stack.sql(
      `insert into public.${table} select n, case when n % 3 = 0 then null when n % 4 = 0 then '' else E'a "q", b\\n' || n end from generate_series(1, 9000) n`,
    )
    const report = await stack.run({
      job: dataxJob(
        `${table}_out`,
        {
          name: 'adbpgreader',
          parameter: { datasource: 'adbpg_local', table: `public.${table}`, column: ['*'], splitPk: 'id' },
        },
        {
          name: 'osswriter',
          parameter: { datasource: 'oss_local', object: `out/${table}/part`, writeMode: 'truncate', writeHeader: true },
        },
      ),
    })
    expect(report).toMatchObject({ state: 'succeeded', rows: { read: 9000, loaded: 9000 } })
    const parts: string[] = []
    for await (const { key, etag, size } of stack.world.store.list(`out/${table}/`)) {
      parts.push((await gather(stack.world.store.readRange(key, { start: 0, end: size, etag }))).toString('utf8'))
    }
    expect(parts.length).toBeGreaterThan(1)
    expect(parts.every((part) => part.startsWith('id,note\n'))).toBe(true)
    await stack.sql(`create table public.${table}_back (like public.${table})`)
    const back = await stack.run({
      job: dataxJob(`${table}_in`, fromOss(`out/${table}/*`, { skipHeader: true }), intoAdbpg(`public.${table}_back`)),
    })
    expect(back).toMatchObject({ state: 'succeeded', rows: { loaded: 9000 } })
    const digest = (name: string) =>
      `select md5(string_agg(id || ':' || coalesce(note, 'NULL'), ',' order by id)) as digest from public.${name}`
    expect(await stack.sql(digest(`${table}_back`))).toEqual(await stack.sql(digest(table)))
  })

  it('starts what is due, once, however often the timer fires', async () => {
    const table = unique('scheduled')
    await makeTable(table)
    await stack.world.store.put(`data/${table}.csv`, Buffer.from('1,a\n2,b\n'))
    await stack.putJob({
      ...dataxJob(table, fromOss(`data/${table}.csv`), intoAdbpg(`public.${table}`)),
      triggers: [{ type: 'schedule', cron: '0 * * * * *', timeZone: 'Asia/Shanghai' }],
    })
    // The next full minute: later than the job was saved, whenever the test runs.
    const minute = new Date(Math.ceil((Date.now() + 1) / 60_000) * 60_000)
    const event = { triggerTime: minute.toISOString(), triggerName: 'every-minute', payload: '' }
    const answer = await stack.world.invoker.invokeSync('tick', event, 30_000)
    expect(answer).toMatchObject({ started: expect.any(Number), troubles: 0 })
    const runs = await stack.sql<{ run_id: RunId }>(
      `select run_id from adbpg_sync.run where job = '${table}' order by requested_at`,
    )
    expect(runs.length).toBeGreaterThan(0)
    const first = await stack.ended((runs[0] as { run_id: RunId }).run_id)
    expect(first).toMatchObject({ state: 'succeeded', rows: { loaded: 2 } })
    await stack.world.store.remove([`jobs/${table}.json`])
    await stack.world.invoker.invokeSync('tick', event, 30_000)
    expect(await stack.sql(`select run_id from adbpg_sync.run where job = '${table}'`)).toHaveLength(runs.length)
  })

  it('answers over HTTP with the token, and only with it', async () => {
    const table = unique('http')
    await makeTable(table)
    await stack.world.store.put(`data/${table}.csv`, Buffer.from('1,a\n'))
    const { url, token } = stack.stack.file.address.api
    const call = { job: dataxJob(table, fromOss(`data/${table}.csv`), intoAdbpg(`public.${table}`)) }
    const post = (authorization: string, body = JSON.stringify(call)) =>
      fetch(`${url}/v1/runs`, { method: 'POST', headers: { authorization, 'content-type': 'application/json' }, body })
    expect((await post('Bearer wrong')).status).toBe(401)
    for (const wrong of ['{', JSON.stringify({ ...call, idempotencykey: 'k' })]) {
      const refused = await post(`Bearer ${token}`, wrong)
      expect(refused.status).toBe(400)
      expect(await refused.json()).toMatchObject({ error: { code: 'event/invalid' } })
    }
    const response = await post(`Bearer ${token}`)
    expect(response.status).toBe(202)
    const { runId } = (await response.json()) as { runId: RunId }
    await stack.ended(runId)
    const shown = await fetch(`${url}/v1/runs/${runId}`, { headers: { authorization: `Bearer ${token}` } })
    expect(await shown.json()).toMatchObject({ runId, state: 'succeeded', rows: { loaded: 1 } })
    const dates = { job: call.job, from: '20260101', to: '20260102', parallel: 2 }
    const backfill = await fetch(`${url}/v1/backfills`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify(dates),
    })
    expect(backfill.status).toBe(202)
    const { runs } = (await backfill.json()) as { runs: { runId: RunId; outcome: string; businessDate: string }[] }
    expect(runs).toMatchObject([
      { outcome: 'started', businessDate: '20260101' },
      { outcome: 'started', businessDate: '20260102' },
    ])
    for (const run of runs) await stack.ended(run.runId)
    expect(((await (await fetch(`${url}/openapi.json`)).json()) as { openapi: string }).openapi).toBe('3.1.0')
  })
})
