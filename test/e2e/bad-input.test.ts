import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { listIncidents } from '../../shared/run/job-store.ts'
import type { RunReport } from '../../shared/run/report.ts'
import { codeOf } from '../contract/object-store.ts'
import { eventually } from '../support/fc.ts'
import { dataxJob, dirtyOf, fromOss, intoAdbpg, startTestStack, type TestStack, unique } from '../support/stack.ts'

/** What bad input gets: a stable code with advice, no half-loaded row, nothing lost in silence. */
describe('bad input', () => {
  let stack: TestStack
  beforeAll(async () => {
    stack = await startTestStack()
  })
  afterAll(() => stack.close())

  const table = async (columns = 'id integer, name varchar(10), born date') => {
    const name = unique('bad')
    await stack.sql(`create table public.${name} (${columns})`)
    return name
  }
  const loaded = async (name: string) =>
    (await stack.sql<{ rows: number }>(`select count(*)::integer as rows from public.${name}`))[0]?.rows

  const load = async (
    name: string,
    bytes: Buffer | string,
    errorLimit: Record<string, unknown> = { record: 0 },
    extra = {},
  ): Promise<RunReport> => {
    await stack.world.store.put(`data/${name}.csv`, Buffer.from(bytes))
    return await stack.run({
      job: dataxJob(name, fromOss(`data/${name}.csv`, extra), intoAdbpg(`public.${name}`), {
        speed: { channel: 2 },
        errorLimit,
      }),
    })
  }

  const good = '1,ann,2001-01-01\n'

  it.each([
    ['a missing field', `${good}2,bob\n`, 'record/column-count'],
    ['a field too many', `${good}2,bob,2001-01-01,more\n`, 'record/column-count'],
    ['a value of the wrong type', `${good}two,bob,2001-01-01\n`, 'record/format'],
    ['a value that is too long', `${good}2,bob is much too long,2001-01-01\n`, 'record/format'],
    ['a NUL byte', `${good}2,b\0b,2001-01-01\n`, 'record/nul-byte'],
    [
      'bytes that are not UTF-8',
      Buffer.concat([Buffer.from(`${good}2,`), Buffer.from([0xff, 0xfe]), Buffer.from(',2001-01-01\n')]),
      'record/encoding',
    ],
  ] as const)('with %s the run fails by its code and no row is loaded', async (_what, bytes, code) => {
    const name = await table()
    const report = await load(name, bytes)
    expect(report).toMatchObject({ state: 'failed', rows: { loaded: 0 }, error: { code } })
    expect(report.error?.advice).not.toBe('')
    expect(await loaded(name)).toBe(0)
    expect(await dirtyOf(stack, report)).toMatchObject([{ record: 2, offset: good.length, code }])
  })

  it('keeps every dirty record with its place and reason where errorLimit allows it, and loads the others', async () => {
    const name = await table('id integer primary key, name varchar(10), born date not null')
    const lines = [...Array(4000).keys()].map((n) => {
      if (n === 500) return `${n},ann,not a date`
      if (n === 501) return `${n},ann,`
      if (n === 1500) return '499,ann,2001-01-01'
      if (n === 3999) return `${n},"line one\nbob and more",2001-01-01`
      return `${n},"a ""b""",2001-01-01`
    })
    const text = `${lines.join('\n')}\n`
    const report = await load(name, text, { record: 10 })
    expect(report).toMatchObject({ state: 'succeeded', rows: { read: 4000, loaded: 3996, dirty: 4, filtered: 0 } })
    expect(await loaded(name)).toBe(3996)
    const dirty = await dirtyOf(stack, report)
    const offsetOf = (n: number) =>
      Buffer.byteLength(
        lines
          .slice(0, n)
          .map((line) => `${line}\n`)
          .join(''),
      )
    expect(
      dirty.map(({ record, offset, code, column, sqlstate }) => ({ record, offset, code, column, sqlstate })),
    ).toEqual([
      { record: 501, offset: offsetOf(500), code: 'record/format', column: 'born', sqlstate: '22007' },
      { record: 502, offset: offsetOf(501), code: 'record/constraint', column: 'born', sqlstate: '23502' },
      { record: 1501, offset: offsetOf(1500), code: 'record/constraint', column: null, sqlstate: '23505' },
      { record: 4000, offset: offsetOf(3999), code: 'record/format', column: 'name', sqlstate: '22001' },
    ])
    expect(dirty[3]?.raw).toBe(lines[3999])
    expect(dirty[0]?.reason).not.toContain('not a date')
  })

  it('fails a run whose dirty records are more than errorLimit allows', async () => {
    const name = await table()
    const lines = [...Array(5000).keys()].map((n) => (n % 100 === 0 ? `x,ann,2001-01-01` : `${n},ann,2001-01-01`))
    const report = await load(name, `${lines.join('\n')}\n`, { record: 3 })
    expect(report).toMatchObject({ state: 'failed', error: { code: 'record/limit-exceeded' } })
    expect(report.rows.loaded).toBe(await loaded(name))
    const share = await load(await table(), `${lines.join('\n')}\n`, { percentage: 0.001 })
    expect(share).toMatchObject({ state: 'failed', error: { code: 'record/limit-exceeded' } })
  })

  it('loads a file with both styles of line ends, which COPY refuses', async () => {
    const name = await table('id integer, note text')
    const lines = [...Array(3000).keys()].map((n) => `${n},"two\r\nlines"${n % 2 === 0 ? '\r\n' : '\n'}`)
    const report = await load(name, lines.join(''))
    expect(report).toMatchObject({ state: 'succeeded', rows: { read: 3000, loaded: 3000 } })
    expect(await stack.sql(`select distinct note from public.${name}`)).toEqual([{ note: 'two\r\nlines' }])
  })

  it('loads a field that is only \\. and the rows behind it, where COPY alone would end', async () => {
    const name = await table('note text')
    expect(await load(name, 'a\n\\.\nb\n')).toMatchObject({ state: 'succeeded', rows: { read: 3, loaded: 3 } })
    expect(await stack.sql(`select note from public.${name} order by note`)).toEqual([
      { note: '\\.' },
      { note: 'a' },
      { note: 'b' },
    ])
  })

  it('names a row that a trigger of the table swallows, and keeps offsets right behind a field that is only \\.', async () => {
    const name = await table('note text')
    await stack.sql(
      `create function public.${name}_drop() returns trigger language plpgsql as $$ begin if new.note = 'c' then return null; end if; return new; end $$`,
    )
    await stack.sql(
      `create trigger drops before insert on public.${name} for each row execute procedure public.${name}_drop()`,
    )
    const report = await load(name, 'a\n\\.\nc\nd,e\nf\n', { record: 5 })
    expect(report).toMatchObject({ state: 'succeeded', rows: { read: 5, loaded: 3, dirty: 2 } })
    expect(await dirtyOf(stack, report)).toMatchObject([
      { record: 3, offset: 5, code: 'record/constraint', raw: 'c' },
      { record: 4, offset: 7, code: 'record/column-count', raw: 'd,e' },
    ])
    expect(await stack.sql(`select note from public.${name} order by note`)).toEqual([
      { note: '\\.' },
      { note: 'a' },
      { note: 'f' },
    ])
  })

  it('sets aside a record that is too large, with its beginning, and loads those around it', async () => {
    const name = await table('id integer, name text')
    const lines = ['1,ann', `2,"é${'x'.repeat(300_000)}"`, '3,cid', `4,${'y'.repeat(1500)}`, '5,eve']
    const report = await load(name, `${lines.join('\n')}\n`, { record: 5 }, { maxRecordBytes: 2048 })
    expect(report).toMatchObject({ state: 'succeeded', rows: { read: 5, loaded: 4, dirty: 1 } })
    const [dirty] = await dirtyOf(stack, report)
    const bytes = Buffer.byteLength(lines[1] ?? '') + 1
    expect(dirty).toMatchObject({ record: 2, offset: 6, bytes, code: 'record/too-large', sqlstate: null })
    expect(lines[1]?.startsWith(dirty?.raw ?? 'nothing')).toBe(true)
    expect(dirty?.raw.length).toBeLessThan(5000)
    expect(await stack.sql(`select id from public.${name} order by id`)).toEqual([1, 3, 4, 5].map((id) => ({ id })))
    const strict = await load(name, `${lines.join('\n')}\n`, { record: 0 }, { maxRecordBytes: 2048 })
    expect(strict).toMatchObject({
      state: 'failed',
      error: { code: 'record/too-large', context: { record: 2 } },
    })
  })

  it('sets aside a row of a table that is too large, before it is staged', async () => {
    const name = await table('id integer, name text')
    await stack.sql(`create table public.${name} (id integer primary key, name text)`, stack.source)
    await stack.sql(
      `insert into public.${name} select n, repeat('x', case when n % 1000 = 7 then 200000 else n % 50 end) from generate_series(1, 3000) n`,
      stack.source,
    )
    const parameter = {
      datasource: 'pg_local',
      table: `public.${name}`,
      column: ['*'],
      splitPk: 'id',
      maxRecordBytes: 4096,
    }
    const run = (errorLimit: number) =>
      stack.run({
        job: dataxJob(name, { name: 'postgresqlreader', parameter }, intoAdbpg(`public.${name}`), {
          speed: { channel: 2 },
          errorLimit: { record: errorLimit },
        }),
      })
    const report = await run(3)
    expect(report).toMatchObject({ state: 'succeeded', rows: { read: 3000, loaded: 2997, dirty: 3 } })
    expect(await loaded(name)).toBe(2997)
    const dirty = await dirtyOf(stack, report)
    expect(dirty.map(({ code, source }) => ({ code, source }))).toEqual(
      Array(3).fill({ code: 'record/too-large', source: `public.${name}` }),
    )
    expect(dirty.map(({ raw }) => Number(raw.split('\t')[0])).sort((a, b) => a - b)).toEqual([7, 1007, 2007])
    expect(dirty[0]?.bytes).toBeGreaterThan(200_000)
    expect(await run(1)).toMatchObject({ state: 'failed', error: { code: 'record/limit-exceeded' } })
    expect(await run(0)).toMatchObject({ state: 'failed', error: { code: 'record/too-large' } })
  })

  it('forgets the dirty records of an attempt once a retry has loaded them', async () => {
    const name = await table('id integer, name varchar(3)')
    const failed = await load(name, '1,ann\n2,too long\n')
    expect(await dirtyOf(stack, failed)).toHaveLength(1)
    await stack.sql(`alter table public.${name} alter column name type text`)
    const { token, url } = stack.stack.file.address.api
    await fetch(`${url}/v1/runs/${failed.runId}/retry`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}` },
    })
    const report = await eventually(async () => {
      const now = await stack.ended(failed.runId)
      return now.state === 'succeeded' ? now : null
    })
    expect(report).toMatchObject({ rows: { read: 2, loaded: 2, dirty: 0 }, dirtyObject: null })
    const left = () =>
      eventually(async () => {
        for await (const _ of stack.world.store.list(`dirty/${failed.runId}/`)) return null
        return true
      })
    expect(await left()).toBe(true)
  })

  it('names an unclosed quote with its record, and loads nothing', async () => {
    const name = await table()
    const report = await load(name, `${good}2,"bob,2001-01-01\n3,cid,2001-01-01\n`, { record: 100 })
    expect(report).toMatchObject({ state: 'failed', error: { code: 'source/unclosed-quote', context: { record: 2 } } })
    expect(await loaded(name)).toBe(0)
  })

  it.each([
    ['an empty file', '', {}],
    ['a header only', 'id,name,born\n', { skipHeader: true }],
    ['a header without a line end', 'id,name,born', { skipHeader: true }],
  ])('takes %s as no rows, and tells by an incident that there were none', async (_what, text, extra) => {
    const name = await table()
    const report = await load(name, text, {}, extra)
    expect(report).toMatchObject({ state: 'succeeded', rows: { read: 0, loaded: 0 }, error: null })
    const incidents = await listIncidents(stack.world.store, 1000)
    expect(incidents.find(({ context }) => context.job === name)).toMatchObject({
      code: 'source/empty',
      advice: expect.stringContaining('no rows'),
      message: expect.stringContaining(`data/${name}.csv`),
    })
  })

  it.each([
    ['a missing table', { table: 'public.no_such_table' }, {}, 'target/table-missing'],
    ['a missing column', { column: ['id', 'nope', 'born'] }, {}, 'target/column-missing'],
    ['a wrong preSql', { preSql: ['selec 1'] }, {}, 'target/sql-failed'],
    ['a wrong postSql', { postSql: ['select 1/0'] }, {}, 'target/sql-failed'],
    ['a missing object', {}, { object: 'data/no-such-object.csv' }, 'source/no-objects'],
    ['a pattern that matches nothing', {}, { object: 'data/no-such-*.csv' }, 'source/no-objects'],
  ])('names %s', async (_what, writer, reader, code) => {
    const name = await table()
    await stack.world.store.put(`data/${name}.csv`, Buffer.from(good))
    const job = dataxJob(name, fromOss(`data/${name}.csv`, reader), intoAdbpg(`public.${name}`, writer))
    expect(await stack.run({ job })).toMatchObject({ state: 'failed', error: { code } })
  })

  it.each([
    ['preSql', { preSql: ['select 1', 'selec 1'] }, /^preSql, statement 2 of 2: /],
    ['postSql', { postSql: ['select 1/0', 'select 1'] }, /^postSql, statement 1 of 2: /],
    ['preSql', { atomic: true, preSql: ['select 1', 'select 1/0'] }, /^preSql, statement 2 of 2: /],
  ])('says which statement of %s failed: %o', async (_list, writer, says) => {
    const name = await table()
    await stack.world.store.put(`data/${name}.csv`, Buffer.from(good))
    const job = dataxJob(name, fromOss(`data/${name}.csv`), intoAdbpg(`public.${name}`, writer))
    expect(await stack.run({ job })).toMatchObject({ error: { message: expect.stringMatching(says) } })
  })

  it.each([
    ['a wrong password', { password: 'env:OSS_LOCAL_SECRET' }, 'connect/wrong-credentials'],
    ['a host that refuses', { port: 1 }, 'connect/unreachable'],
    ['a secret that is not set', { password: 'env:NO_SUCH_SECRET' }, 'job/secret-missing'],
  ])('refuses a start over %s, and says so', async (_what, change, code) => {
    const { host, port, database, user } = stack.adbpg
    const datasources = {
      broken: { type: 'adbpg', host, port, database, username: user, password: 'env:ADBPG_LOCAL_PASSWORD', ...change },
    }
    const job = dataxJob('broken', fromOss('data/x.csv'), intoAdbpg('public.x', { datasource: 'broken' }))
    expect(await codeOf(stack.start({ job, datasources }))).toBe(code)
  })

  it('ends a run whose source cannot be reached, when the platform has tried often enough', async () => {
    const name = await table()
    const { host, database, user } = stack.source
    const gone = { type: 'postgresql', host, port: 1, database, username: user, password: 'env:ADBPG_LOCAL_PASSWORD' }
    const reader = { name: 'postgresqlreader', parameter: { datasource: 'gone', table: 'public.t', column: ['*'] } }
    const job = dataxJob(name, reader, intoAdbpg(`public.${name}`))
    expect(await stack.run({ job, datasources: { gone } })).toMatchObject({
      state: 'failed',
      error: { code: 'connect/unreachable', message: expect.stringContaining(`${host}:1`) },
    })
  })

  it('names a stored datasource that is not JSON', async () => {
    await stack.world.store.put('datasources/torn.json', Buffer.from('{"type": "adbpg", '))
    const job = dataxJob('torn', fromOss('data/x.csv'), intoAdbpg('public.x', { datasource: 'torn' }))
    await expect(stack.start({ job })).rejects.toMatchObject({
      code: 'job/syntax',
      message: expect.stringMatching(/datasources\/torn\.json: .*line 1, column \d+/),
    })
  })

  it('names a bucket that is not there', async () => {
    const name = await table()
    const { endpoint, accessKeyId } = stack.stack.file.address.oss
    const datasources = {
      nowhere: {
        type: 'oss',
        endpoint,
        bucket: 'no-such-bucket',
        accessId: accessKeyId,
        accessKey: 'env:OSS_LOCAL_SECRET',
      },
    }
    const job = dataxJob(name, fromOss('x*.csv', { datasource: 'nowhere' }), intoAdbpg(`public.${name}`))
    expect(await stack.run({ job, datasources })).toMatchObject({
      state: 'failed',
      error: { code: 'source/bucket-missing' },
    })
  })

  it('refuses a job with faults, one message each with its path, and starts nothing', async () => {
    const before = await stack.sql('select run_id from adbpg_sync.run')
    const job = dataxJob(
      'faulty',
      { name: 'nosuchreader', parameter: {} },
      intoAdbpg('', { column: [], colum: ['*'] }),
      { speed: { channel: 0 } },
    )
    await expect(stack.start({ job })).rejects.toThrow(/reader.*nosuchreader[\s\S]*writer\.parameter/)
    expect(await stack.sql('select run_id from adbpg_sync.run')).toHaveLength(before.length)
  })

  it('fails, and loads nothing of the new version, when an object is replaced between plan and load', async () => {
    const name = await table()
    const big = `${[...Array(20_000).keys()].map((n) => `${n},ann,2001-01-01`).join('\n')}\n`
    await stack.world.store.put(`data/${name}.csv`, Buffer.from(big))
    const job = dataxJob(
      name,
      fromOss(`data/${name}.csv`),
      intoAdbpg(`public.${name}`, { preSql: ['select pg_sleep(0.6)'] }),
    )
    const runId = await stack.start({ job })
    await eventually(
      async () =>
        (await stack.sql(`select 1 as one from pg_stat_activity where query like 'select pg_sleep%'`)).length > 0,
    )
    await stack.world.store.put(`data/${name}.csv`, Buffer.from('1,new,2002-02-02\n'))
    expect(await stack.ended(runId)).toMatchObject({
      state: 'failed',
      error: { code: 'source/object-changed' },
      rows: { loaded: 0 },
    })
    expect(await loaded(name)).toBe(0)
  })

  it('makes an object that no job waits for visible, and an event that is none', async () => {
    await stack.world.store.put('in/for-nobody.csv', Buffer.from('x'))
    const incident = await eventually(
      async () => (await listIncidents(stack.world.store, 50)).find(({ code }) => code === 'event/no-job') ?? null,
    )
    expect(incident.message).toContain('in/for-nobody.csv')
    expect(await codeOf(stack.world.invoker.invokeSync('object', { not: 'an event' }, 10_000))).toBe('event/invalid')
  })

  it('never shows a secret in the ledger, in objects or in logs', async () => {
    const secrets = [
      stack.stack.file.address.oss.accessKeySecret,
      new URL(stack.stack.file.address.postgres.url).password,
    ]
    const specs = JSON.stringify(await stack.sql('select * from adbpg_sync.run'))
    const { readdir, readFile } = await import('node:fs/promises')
    const logs: string[] = []
    for (const file of await readdir(`${stack.stateDir}/fc/logs`))
      logs.push(await readFile(`${stack.stateDir}/fc/logs/${file}`, 'utf8'))
    const tasks: string[] = []
    for (const file of await readdir(`${stack.stateDir}/fc/tasks`))
      tasks.push(await readFile(`${stack.stateDir}/fc/tasks/${file}`, 'utf8'))
    expect(logs.join('').length).toBeGreaterThan(1000)
    for (const secret of secrets)
      for (const text of [specs, ...logs, ...tasks]) expect(text.includes(secret)).toBe(false)
  })

  it('goes on after a stop with retry, and loads each row once', async () => {
    const name = await table('id integer, name text, born date')
    const text = `${[...Array(30_000).keys()].map((n) => `${n},ann,2001-01-01`).join('\n')}\n`
    await stack.world.store.put(`data/${name}.csv`, Buffer.from(text))
    const job = dataxJob(name, fromOss(`data/${name}.csv`), intoAdbpg(`public.${name}`), {
      speed: { channel: 1 },
      errorLimit: { record: 0 },
    })
    await using holder = await stack.world.connectSql(stack.adbpg, new AbortController().signal)
    await holder.query('begin')
    await holder.query(`lock table public.${name} in share mode`)
    const runId = await stack.start({ job })
    const { token, url } = stack.stack.file.address.api
    const call = (verb: string) =>
      fetch(`${url}/v1/runs/${runId}/${verb}`, { method: 'POST', headers: { authorization: `Bearer ${token}` } })
    const waiting =
      "select 1 as one from pg_stat_activity where wait_event_type = 'Lock' and query ~ '^([a-z0-9 ]+; )*copy'"
    await eventually(async () => (await stack.sql(waiting)).length > 0)
    expect((await call('stop')).status).toBe(200)
    await holder.query('commit')
    expect(await stack.ended(runId)).toMatchObject({
      state: 'stopped',
      error: { code: 'run/stopped' },
      rows: { loaded: 0 },
    })
    expect(await loaded(name)).toBe(0)
    expect((await call('retry')).status).toBe(200)
    expect(await stack.ended(runId)).toMatchObject({ state: 'succeeded', rows: { read: 30_000, loaded: 30_000 } })
    expect(
      await stack.sql(`select count(*)::integer as rows, count(distinct id)::integer as ids from public.${name}`),
    ).toEqual([{ rows: 30_000, ids: 30_000 }])
  })
})
