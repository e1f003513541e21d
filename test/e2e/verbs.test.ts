import { spawn } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import * as z from 'zod'
import { listIncidents } from '../../shared/run/job-store.ts'
import type { PlanPreview } from '../../shared/run/preview-plan.ts'
import { commandLine, type Ended } from '../support/command-line.ts'
import { eventually } from '../support/fc.ts'
import { dataxJob, fromOss, intoAdbpg, startTestStack, type TestStack, unique } from '../support/stack.ts'
import { tempDir } from '../support/temp-dir.ts'

const bin = fileURLToPath(new URL('../../shared/cli/bin.mjs', import.meta.url))
let test: TestStack
let folder: string
beforeAll(async () => {
  folder = await tempDir('verbs')
  test = await startTestStack()
}, 120_000)
afterAll(() => test?.close())

const environmentOf = (environment: Readonly<Record<string, string>>) => ({
  PATH: process.env.PATH,
  HOME: folder,
  ADBPG_SYNC_HOME: test.stateDir,
  ...environment,
})

const { type, answerOf } = commandLine(environmentOf)

/** The same as a user would type it. */
async function spawned(words: readonly string[]): Promise<Ended> {
  const child = spawn(process.execPath, [bin, ...words], { env: environmentOf({}), stdio: ['ignore', 'pipe', 'pipe'] })
  const texts = { stdout: '', stderr: '' }
  child.stdout.on('data', (piece) => {
    texts.stdout += piece
  })
  child.stderr.on('data', (piece) => {
    texts.stderr += piece
  })
  return await new Promise((resolve) => child.once('close', (code) => resolve({ code, ...texts })))
}

/* Each of these was `internal/bug`, exit code 1 or a lost value once. */
describe('small things', () => {
  it('shows both of two columns with one name', async () => {
    const statement = 'select 1 as n, 2 as n'
    expect((await answerOf(['sql', statement])).answer).toEqual({ rows: [{ n: 1, n_2: 2 }], rowCount: 1 })
    const odd = `select 'nan'::float8 as a, '-infinity'::float8 as b, null::float8 as c, 1.5::float8 as d`
    expect((await answerOf(['sql', odd])).answer).toMatchObject({
      rows: [{ a: 'NaN', b: '-Infinity', c: null, d: 1.5 }],
    })
    expect((await type(['sql', statement])).stdout).toMatch(/│ n │ n │.*│ 1 │ 2 │/s)
  })

  it('tells a name that no job can have', async () => {
    const { code, stderr } = await type(['status', '--job', 'bad name'])
    expect({ code, stderr }).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/--job.*bad name.*1 to 64 letters/),
    })
  })

  it.each([
    ['mysqlreader', 'mysqlwriter', 'a.b.c'],
    ['adbpgreader', 'adbpgwriter', 'a..b'],
  ])('tells a table that no server can have: %s, %s', async (reader, writer, table) => {
    const address = { host: '127.0.0.1', database: 'd', username: 'u' }
    const file = join(folder, `${writer}.json`)
    const end = (name: string) => ({ name, parameter: { ...address, table, column: ['*'] } })
    await writeFile(file, JSON.stringify(dataxJob('bad_table', end(reader), end(writer))))
    const { code, stderr } = await type(['run', file])
    expect(code).toBe(2)
    expect(stderr.match(/table \(line .*must be/g)).toHaveLength(2)
  })
})

/** What the README promises of `run --json`, and no more. */
const Answer = z.strictObject({
  runId: z.string(),
  job: z.string(),
  state: z.enum(['succeeded', 'failed', 'stopped']),
  rows: z.strictObject({ read: z.number(), loaded: z.number(), dirty: z.number(), filtered: z.number() }),
  bytes: z.number(),
  seconds: z.number(),
  cost: z.strictObject({
    currency: z.literal('USD'),
    total: z.string().regex(/^\d+\.\d{6}$/),
    functions: z.string(),
    requests: z.null(),
    cu: z.string().regex(/^\d+\.\d{3}$/),
    // plan and a load at least; `finish` tells its own behind the end of the run.
    invocations: z.number().min(2),
    reads: z.number().min(1),
    writes: z.number(),
    pricesAsOf: z.string(),
  }),
  chunks: z.number(),
  chunksPlanned: z.number().nullable(),
  replayed: z.number(),
  dirtyRolledBack: z.number(),
  dirtyObject: z.string().nullable(),
  error: z.looseObject({ code: z.string(), message: z.string(), advice: z.string() }).nullable(),
  waitsFor: z.array(z.string()),
  notices: z.array(z.unknown()),
  trouble: z.null(),
  increment: z.looseObject({ column: z.string() }).nullable(),
  requestedAt: z.string(),
  finishedAt: z.string(),
  warnings: z.array(z.string()),
  decisions: z.array(z.looseObject({ what: z.string(), why: z.string() })),
})

async function fileJob(change: Record<string, unknown> = {}) {
  const table = unique('verbs')
  await test.sql(`create table public.${table} (id integer, note text)`)
  const key = `files/${table}.csv`
  const csv = join(folder, `${table}.csv`)
  await writeFile(csv, '1,one\n2,"two\nlines"\nthree,not a number\n4,four\n')
  expect((await answerOf(['put', csv, `oss:///${key}`])).answer).toMatchObject({ key, size: 46 })
  const setting = { speed: { channel: 2 }, errorLimit: { record: 1 } }
  const document = dataxJob(table, fromOss(key, change), intoAdbpg(`public.${table}`), setting)
  const job = join(folder, `${table}.json`)
  await writeFile(job, JSON.stringify(document))
  return { table, job, csv, document }
}

describe('run --json', () => {
  it('ends with one document whose counts are those of the table, and exit code 0', async () => {
    const { table, job } = await fileJob()
    const { code, stdout } = await spawned(['run', job, '--json'])
    const report = Answer.parse(JSON.parse(stdout))
    expect({ code, report }).toMatchObject({
      code: 0,
      report: { state: 'succeeded', rows: { read: 4, loaded: 3, dirty: 1, filtered: 0 }, chunks: 1, error: null },
    })
    expect(await test.sql(`select count(*)::integer as n from public.${table}`)).toEqual([{ n: 3 }])
    expect((await answerOf(['status', report.runId])).answer).toMatchObject({ runId: report.runId, rows: report.rows })
    const dirty = (await answerOf(['dirty', report.runId])).answer as unknown as Record<string, unknown>[]
    expect(dirty).toHaveLength(1)
    expect(JSON.stringify(dirty)).toContain('three')
    expect((await answerOf(['ls', report.dirtyObject ?? ''])).answer).toHaveLength(1)
  })

  it('is one run for one key', async () => {
    const { table, job } = await fileJob()
    const runs = [await answerOf(['run', job, '--key', table]), await answerOf(['run', job, '--key', table])]
    expect(new Set(runs.map(({ answer }) => answer.runId)).size).toBe(1)
    expect(await test.sql(`select count(*)::integer as n from public.${table}`)).toEqual([{ n: 3 }])
  })

  it('tells every fault of a job, starts nothing and ends with 2', async () => {
    const job = join(folder, 'wrong.json')
    await writeFile(
      job,
      '{"job":{"content":[{"reader":{"name":"ossreader","parameter":{"datasource":"oss_local","object":7}},"writer":{"name":"adbpgwriter","parameter":{"datasource":"adbpg_local"}}}],"setting":{"speed":{"channel":"many"}}}}',
    )
    const before = (await answerOf(['status', '--limit', '1000'])).answer.runs
    const { code, answer } = await answerOf(['run', job])
    expect(code).toBe(2)
    const { message } = z.object({ error: z.object({ message: z.string() }) }).parse(answer).error
    expect(message.split('\n').length).toBeGreaterThan(1)
    expect(message).toContain('setting.speed.channel')
    expect((await answerOf(['status', '--limit', '1000'])).answer.runs).toEqual(before)
  })
})

describe('watermark', () => {
  it('shows how far a job has read, and sets and resets it', async () => {
    const table = unique('verbs')
    await test.sql(`create table public.${table} (id bigint)`)
    await test.sql(`create table public.${table} as select generate_series(1, 5)::bigint as id`, test.source)
    const reader = {
      name: 'postgresqlreader',
      parameter: { datasource: 'pg_local', table: `public.${table}`, column: ['*'], incremental: { column: 'id' } },
    }
    const job = join(folder, `${table}.json`)
    await writeFile(job, JSON.stringify(dataxJob(table, reader, intoAdbpg(`public.${table}`))))
    const source = `source: public.${table}.id`
    expect((await answerOf(['watermark', job])).answer).toEqual({ job: table, source, marks: [], openRun: null })
    expect((await type(['watermark', job])).stdout).toContain('no run has left a mark yet')
    const { answer } = await answerOf(['run', job])
    expect(answer).toMatchObject({ state: 'succeeded', increment: { column: 'id', low: null, high: '5' } })
    expect((await type(['status', String(answer.runId)])).stdout).toContain('read     id <= 5')
    expect((await answerOf(['watermark', job])).answer.marks).toMatchObject([{ value: '5', runId: answer.runId }])
    expect(await answerOf(['watermark', job, '--set', '3'])).toMatchObject({ code: 0 })
    expect((await answerOf(['run', job])).answer).toMatchObject({ rows: { read: 2 } })
    expect((await answerOf(['watermark', job, '--reset'])).answer.marks).toMatchObject([{ value: null }, {}, {}, {}])
    expect((await type(['plan', job])).stdout).toContain('rows with id <= 5: the mark was reset, so it begins at')
    expect(await answerOf(['watermark', job, '--set', 'x'])).toMatchObject({ code: 2 })
    expect(await answerOf(['watermark', job, '--set', '1', '--reset'])).toMatchObject({ code: 2 })
    const { job: plain } = await fileJob()
    expect(await answerOf(['watermark', plain])).toMatchObject({ code: 2 })
  })
})

describe('a datasource', () => {
  const definition = () => {
    const { host, port, database, user } = test.adbpg
    return { type: 'adbpg', host, port, database, username: user, password: 'env:WAREHOUSE_PASSWORD' }
  }
  const password = () => test.stack.file.environment.ADBPG_LOCAL_PASSWORD ?? ''
  const named = async (datasource: string) => {
    const { table, document, job } = await fileJob()
    await writeFile(job, JSON.stringify(document).replaceAll('adbpg_local', datasource))
    return { table, job }
  }

  it('comes from --datasources, with a secret that only the caller has', async () => {
    const { table, job } = await named('from_file')
    const file = join(folder, 'datasources.json')
    await writeFile(file, JSON.stringify({ from_file: definition() }))
    const { code, stdout, stderr } = await type(['run', job, '--datasources', file, '--json'], {
      WAREHOUSE_PASSWORD: password(),
    })
    expect(code, stdout + stderr).toBe(0)
    expect(stdout + stderr).not.toContain(password())
    expect(await test.sql(`select count(*)::integer as n from public.${table}`)).toEqual([{ n: 3 }])
  })

  it('or from the environment, after those of the file', async () => {
    const { table, job } = await named('from_environment')
    const environment = {
      WAREHOUSE_PASSWORD: password(),
      ADBPG_SYNC_DATASOURCES: JSON.stringify({ from_environment: definition(), other: definition() }),
    }
    expect((await answerOf(['run', job], environment)).code).toBe(0)
    expect(await test.sql(`select count(*)::integer as n from public.${table}`)).toEqual([{ n: 3 }])
    const file = join(folder, 'dead.json')
    await writeFile(file, JSON.stringify({ from_environment: { ...definition(), port: 1 } }))
    const shadowed = await answerOf(['run', job, '--datasources', file], environment)
    expect(shadowed).toMatchObject({ code: 1, answer: { error: { code: 'connect/unreachable' } } })
  })

  it('that cannot be read is told by the place it came from', async () => {
    const { job } = await named('from_environment')
    const { code, answer } = await answerOf(['run', job], { ADBPG_SYNC_DATASOURCES: '{"a": 7}' })
    expect(code).toBe(2)
    expect(JSON.stringify(answer)).toContain('ADBPG_SYNC_DATASOURCES')
  })

  it('whose secret nobody has is told by the name of the secret', async () => {
    const { job } = await named('from_environment')
    const environment = { ADBPG_SYNC_DATASOURCES: JSON.stringify({ from_environment: definition() }) }
    const { code, answer } = await answerOf(['run', job], environment)
    expect(code).not.toBe(0)
    expect(answer).toMatchObject({ error: { code: 'job/secret-missing' } })
    expect(JSON.stringify(answer)).toContain('WAREHOUSE_PASSWORD')
  })
})

describe('plan', () => {
  const plannedAndRun = async (job: string, ...options: string[]) => {
    const planned = (await answerOf(['plan', job, ...options])).answer as unknown as PlanPreview & {
      parameters: object
    }
    const { answer: ran, stderr } = await answerOf(['run', job, ...options])
    expect(ran.state, stderr).toBe('succeeded')
    expect(planned.decisions).toEqual(ran.decisions)
    return { planned, runId: String(ran.runId) }
  }
  const jobFile = async (document: { name: string }) => {
    const job = join(folder, `${document.name}.json`)
    await writeFile(job, JSON.stringify(document))
    return job
  }

  it('names the objects, versions and statements of the run, and the values that went into the script', async () => {
    const { table, document } = await fileJob()
    const [content] = document.script.job.content
    const put = ['1,one', '2,two'].map((text, at) =>
      test.world.store.put(`days/${table}/20261123/${at}.csv`, Buffer.from(text)),
    )
    const heads = await Promise.all(put)
    const object = `days/${table}/\${bizdate}/*`
    const reader = { ...content?.reader, parameter: { ...content?.reader.parameter, object } }
    const writer = intoAdbpg(`public.\${target}`, {
      column: ['note', 'id'],
      preSql: ["delete from @table where note = '${yyyymmdd-1}'"],
    })
    const swapped = {
      ...reader,
      parameter: {
        ...reader.parameter,
        column: [
          { index: 1, type: 'string' },
          { index: 0, type: 'long' },
        ],
      },
    }
    const parameters = { target: table }
    const job = await jobFile({
      ...dataxJob(table, swapped as typeof reader & { name: string }, writer),
      ...{ parameters },
    })
    const { planned, runId } = await plannedAndRun(job, '--param', 'bizdate=20261123')
    expect(planned.parameters).toEqual({
      bizdate: '20261123',
      cyctime: expect.stringMatching(/^\d{14}$/),
      target: table,
      '${yyyymmdd-1}': '20261122',
    })
    const read = await test.sql<{ key: string; etag: string }>(
      `select one -> 'slice' ->> 'key' as key, one -> 'slice' ->> 'etag' as etag
       from adbpg_sync.chunk, json_array_elements(source::json -> 'slices') one where run_id = '${runId}'`,
    )
    const { bucket } = test.world.store
    const first = read.map(({ key, etag }) => ({ object: `oss://${bucket}/${key}`, etag, bytes: 5, slices: 1 }))
    expect(planned.objects).toEqual({ count: 2, first })
    expect(planned.objects.first.map(({ etag }) => etag)).toEqual(heads.map(({ etag }) => etag))
    expect(planned.writes).toEqual({
      before: [`delete from "public"."${table}" where note = '20261122'`],
      chunk: [expect.stringContaining(`copy "public"."${table}" ("id", "note") from stdin`)],
      after: [],
    })
    const { stdout } = await type(['plan', job, '--param', 'bizdate=20261123'])
    expect(stdout).toMatch(/^ {2}with bizdate=20261123, cyctime=\d{14}, target=\w+, \$\{yyyymmdd-1\}=20261122$/m)
    expect(stdout).toMatch(/^ {2}reads oss:\/\/\S+\/0\.csv {2}5 B {2}etag \w+$/m)
  })

  it('says of an export what the run does: one snapshot, its statement, its keys', async () => {
    const table = unique('planned')
    await test.sql(`create table public.${table} as select n as id from generate_series(1, 10) n`)
    const reader = {
      name: 'adbpgreader',
      parameter: { datasource: 'adbpg_local', table, column: ['id'], where: 'id > 3' },
    }
    const object = `out/${table}/part`
    const writer = { name: 'osswriter', parameter: { datasource: 'oss_local', object, writeMode: 'append' } }
    const { planned } = await plannedAndRun(await jobFile(dataxJob(table, reader, writer)))
    expect(planned.decisions).toContainEqual(expect.objectContaining({ what: 'all slices are read from one snapshot' }))
    expect(planned.reads).toEqual([
      { statement: expect.stringMatching(/^copy \(\nselect id\nfrom .*id > 3.*to stdout/s) },
    ])
    expect(planned.writes.chunk).toEqual([expect.stringContaining(object)])
  })

  it.each([
    [
      'a merge',
      { conflictMode: 'replace' },
      [/create temporary table/, /^copy "adbpg_sync_merge"/, /on conflict \("id"\) do update/],
    ],
    ['an atomic run', { overwrite: 'table' }, [/^copy "adbpg_sync"."rows_of_run"/]],
  ])('prints the statements of %s', async (_, change, chunk) => {
    const { table, document } = await fileJob()
    await test.sql(`alter table public.${table} add primary key (id)`)
    const [content] = document.script.job.content
    const setting = { errorLimit: { record: 10 } }
    const reader = content?.reader ?? fromOss('')
    const job = await jobFile(dataxJob(table, reader, intoAdbpg(`public.${table}`, change), setting))
    const { planned } = await plannedAndRun(job)
    expect(planned.writes.chunk).toEqual(chunk.map((pattern) => expect.stringMatching(pattern)))
    if ('overwrite' in change)
      expect(planned.writes.after).toEqual([
        expect.stringMatching(/^lock table/),
        expect.stringMatching(/^delete from/),
        expect.stringMatching(/^insert into/),
        expect.stringMatching(/^drop table/),
      ])
  })

  it('says what a compressed file may cost, and on what it counts', async () => {
    const { table } = await fileJob()
    const key = `files/${table}.csv.gz`
    await test.world.store.put(key, gzipSync('1,one\n'))
    const job = await jobFile(dataxJob(table, fromOss(key, { compress: 'gzip' }), intoAdbpg(`public.${table}`)))
    expect((await answerOf(['plan', job])).answer).toMatchObject({
      staged: true,
      cost: { total: expect.any(String), assuming: expect.stringContaining('4 bytes of records for each compressed') },
    })
  })
})

describe('the other verbs', () => {
  it('plan, doctor and convert answer of a job without running it', async () => {
    const { job, table } = await fileJob()
    expect((await answerOf(['plan', job])).answer).toMatchObject({
      pieces: 1,
      staged: false,
      cost: { invocations: 3, total: expect.stringMatching(/^0\.0000\d\d$/), requests: null },
    })
    const findings = (await answerOf(['doctor', job])).answer as unknown as { state: string }[]
    expect(findings.filter(({ state }) => state === 'failed')).toEqual([])
    expect(findings.length).toBeGreaterThan(20)
    expect((await answerOf(['convert', job])).answer).toMatchObject({ type: 'job', version: '2.0' })
    expect(await test.sql(`select count(*)::integer as n from public.${table}`)).toEqual([{ n: 0 }])
  })

  it('retry goes on with a run that failed, stop and retry answer of one that has ended', async () => {
    const { table, job, document } = await fileJob()
    const strict = { ...document, script: { job: { ...document.script.job, setting: { errorLimit: { record: 0 } } } } }
    await writeFile(job, JSON.stringify(strict))
    const failed = await answerOf(['run', job])
    expect(failed).toMatchObject({ code: 1, answer: { state: 'failed', error: { code: 'record/format' } } })
    expect(await test.sql(`select count(*)::integer as n from public.${table}`)).toEqual([{ n: 0 }])
    const again = await answerOf(['retry', String(failed.answer.runId)])
    expect(again).toMatchObject({ code: 1, answer: { runId: failed.answer.runId, state: 'failed' } })
    expect((await answerOf(['stop', String(failed.answer.runId)])).answer).toHaveProperty('runId')
  })

  it('replay of a run whose chunk was rolled back says so, and status counts what dirty shows', async () => {
    const { table, job, document } = await fileJob()
    const csv = join(folder, `${table}-bad.csv`)
    await writeFile(csv, `1,one\n${'x,bad\n'.repeat(4)}2,two\n`)
    await answerOf(['put', csv, `oss:///files/${table}.csv`])
    const setting = { errorLimit: { record: 3 } }
    await writeFile(job, JSON.stringify({ ...document, script: { job: { ...document.script.job, setting } } }))
    const { answer } = await answerOf(['run', job])
    const runId = String(answer.runId)
    expect(answer).toMatchObject({ state: 'failed', rows: { read: 0, loaded: 0, dirty: 0 }, dirtyRolledBack: 4 })
    expect((await answerOf(['dirty', runId])).answer).toHaveLength(4)
    expect((await type(['status', runId])).stdout).toMatch(/at least 4 in chunks that were rolled back/)
    const replayed = await answerOf(['replay', runId])
    expect(replayed).toMatchObject({ code: 1, answer: { error: { code: 'run/retry-first' } } })
    const { code, stdout, stderr } = await type(['replay', runId])
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toMatch(/4 dirty records.*rolled back.*next: .*adbpg-sync retry/s)
    const corrected = join(folder, `${table}.jsonl`)
    await writeFile(corrected, JSON.stringify({ piece: 'c0-p0', record: 2, raw: '3,three' }))
    expect((await type(['replay', runId, '--file', corrected])).stderr).toMatch(/run\/retry-first/)
    await test.sql(`alter table public.${table} alter column id type text`)
    expect((await answerOf(['retry', runId])).answer).toMatchObject({ rows: { loaded: 6 }, dirtyRolledBack: 0 })
    expect(await type(['replay', runId])).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('no dirty records'),
    })
  })

  it('advice fits what was wrong', async () => {
    const { job } = await fileJob()
    const { answer } = await answerOf(['run', job])
    const nextOf = async (words: readonly string[]) => {
      const { code, stderr } = await type(words)
      return { code, next: stderr.replace(/^.*next: /s, '') }
    }
    expect(await nextOf(['watermark', job, '--set', '1', '--reset'])).toMatchObject({
      code: 2,
      next: expect.stringContaining('--help'),
    })
    expect(await nextOf(['retry', String(answer.runId)])).toMatchObject({ next: expect.stringContaining('new run') })
    expect(await nextOf(['status', '--summary'])).toMatchObject({ code: 2, next: expect.stringContaining('--help') })
    expect(await nextOf(['datasource', 'add', 'pg_local', '--file', '-'])).toMatchObject({ code: 2 })
    const add = [
      'datasource',
      'add',
      'pg_local',
      '--type',
      'mysql',
      '--host',
      'h',
      '--database',
      'd',
      '--username',
      'u',
    ]
    expect(await nextOf(add)).toMatchObject({ code: 2, next: expect.stringContaining('--replace') })
  })

  it('status and the rest go on where one ledger of several is gone', async () => {
    const { job } = await fileJob()
    const { runId } = (await answerOf(['run', job])).answer
    const gone = { ...test.adbpg, port: 1, database: 'gone' }
    await test.world.store.put('ledgers/0000000000000000.json', Buffer.from(JSON.stringify(gone)))
    try {
      const { code, answer } = await answerOf(['status'])
      expect(code).toBe(0)
      expect(answer.runs).toContainEqual(expect.objectContaining({ runId }))
      expect(answer.silent).toMatchObject([{ ledger: '127.0.0.1:1/gone', error: { code: 'connect/unreachable' } }])
      expect((await type(['status'])).stdout).toContain('no answer from the ledger in 127.0.0.1:1/gone')
      expect((await answerOf(['status', String(runId)])).answer).toMatchObject({ runId })
      const unknown = await answerOf(['status', `r${'0'.repeat(24)}`])
      expect(unknown).toMatchObject({ code: 1, answer: { error: { code: 'connect/unreachable' } } })
      await test.tick()
      await test.tick()
      const incidents = (await listIncidents(test.world.store, 100)).filter(({ context }) => context.port === 1)
      expect(incidents.length).toBeLessThanOrEqual(2)
    } finally {
      await test.world.store.remove(['ledgers/0000000000000000.json'])
    }
  })

  it('backfill runs a job for business dates, goes on where it was, and shows each', async () => {
    const table = unique('filled')
    await test.sql(`create table public.${table} (id bigint, note text)`)
    const days = ['20260101', '20260102', '20260103']
    for (const day of days) await test.world.store.put(`data/${table}/${day}.csv`, Buffer.from(`1,${day}\n`))
    const job = join(folder, `${table}.json`)
    const file = fromOss(`data/${table}/$\{bizdate}.csv`, {
      column: [
        { index: 0, type: 'long' },
        { index: 1, type: 'string' },
        { type: 'string', value: '$cyctime' },
      ],
    })
    await test.sql(`alter table public.${table} add column at text`)
    await writeFile(job, JSON.stringify(dataxJob(table, file, intoAdbpg(`public.${table}`))))
    const words = ['backfill', job, '--from', '20260101', '--parallel', '2']
    const first = await answerOf([...words, '--to', '20260102'])
    expect(first).toMatchObject({ code: 0, answer: { runs: [{ state: 'succeeded' }, { state: 'succeeded' }] } })
    const second = await answerOf([...words, '--to', '20260103'])
    expect(second.answer.runs).toMatchObject(
      days.map((businessDate, index) => ({
        businessDate,
        outcome: index < 2 ? 'existing' : 'started',
        state: 'succeeded',
      })),
    )
    expect(await test.sql(`select note, at from public.${table} order by note`)).toEqual([
      { note: '20260101', at: '20260102000000' },
      { note: '20260102', at: '20260103000000' },
      { note: '20260103', at: '20260104000000' },
    ])
    const failing = await answerOf([...words, '--to', '20260106'])
    expect(failing.code).toBe(1)
    expect(failing.answer.runs).toMatchObject([
      {},
      {},
      {},
      { state: 'failed' },
      { state: 'failed' },
      { state: 'waiting' },
    ])
    expect((await type([...words, '--to', '20260106'])).stdout).toMatch(/20260106.*waiting/)
    expect(await answerOf([...words, '--parallel', '0'])).toMatchObject({
      code: 2,
      answer: { error: { code: 'usage/invalid' } },
    })
  })

  it('backfill that is interrupted leaves its runs where they are, and says so', async () => {
    const table = unique('left')
    const job = join(folder, `${table}.json`)
    // It fails and is to be gone on with tomorrow: until then there is something to follow.
    const schedule = { rerun: { times: 1, intervalSeconds: 86_400 } }
    const document = { ...dataxJob(table, fromOss(`data/${table}.csv`), intoAdbpg(`public.${table}`)), schedule }
    await writeFile(job, JSON.stringify(document))
    let shown = ''
    const following = answerOf(['backfill', job, '--from', '20260101', '--to', '20260102'], {}, '', (stderr) => {
      shown = stderr
    })
    await eventually(async () => (shown.includes('1 waiting, 1 failed') ? true : null))
    process.emit('SIGINT')
    const { code, stderr, answer } = await following
    expect({ code, answer }).toMatchObject({ code: 1, answer: { runs: [{ state: 'failed' }, { state: 'waiting' }] } })
    expect(stderr).toContain('the same command follows them again')
  })

  it('an unknown run, job, verb or option is told with the next step', async () => {
    expect(await answerOf(['status', 'r0000'])).toMatchObject({ answer: { error: { advice: expect.any(String) } } })
    expect(await answerOf(['run', 'no_such_job'])).toMatchObject({
      code: 2,
      answer: { error: { code: 'job/unknown-job' } },
    })
    expect(await answerOf(['put', join(folder, 'missing.csv'), 'oss:///in/missing.csv'])).toMatchObject({
      code: 2,
      answer: { error: { code: 'usage/invalid', message: expect.stringContaining('missing.csv: ENOENT') } },
    })
    const shown = await answerOf(['datasource', 'show', 'adbpg_locl'])
    expect(shown.answer).toMatchObject({ error: { message: expect.stringContaining('did you mean adbpg_local?') } })
    const unknown = await spawned(['statsu'])
    expect(unknown.code).toBe(2)
    expect(unknown.stderr).toContain('status')
  })

  it.each(['run', 'plan', 'doctor'])('%s tells errors and warnings of a job in one pass', async (verb) => {
    const file = join(folder, 'faulty.json')
    const writer = {
      name: 'adbpgwriter',
      parameter: { datasource: 'adbpg_locl', tabel: 'x', table: 'a.b.c', column: ['*'] },
    }
    const reader = { name: 'ossreader', parameter: { datasource: 'oss_local', object: 'a.csv' } }
    await writeFile(
      file,
      JSON.stringify({ script: dataxJob('x', reader, writer).script, triggers: [{ type: 'object', prefx: 'a' }] }),
    )
    const says = [
      /triggers\[0\]\.prefx/,
      /did you mean adbpg_local\?/,
      /table .*must be "name"/,
      /tabel .*did you mean table\?/,
    ]
    const { code, stdout, stderr } = await type([verb, file])
    expect(code).toBe(verb === 'doctor' ? 1 : 2)
    for (const one of says) expect(stdout + stderr).toMatch(one)
    if (verb === 'doctor') return
    const { answer } = await answerOf([verb, file])
    const severities = { error: 3, warning: 1 }
    const { faults } = (answer as { error: { faults: { severity: keyof typeof severities }[] } }).error
    for (const [severity, count] of Object.entries(severities))
      expect(faults.filter((fault) => fault.severity === severity)).toHaveLength(count)
  })

  it('put looks at a job document before it is stored, and lets a start give what it lacks', async () => {
    const file = join(folder, 'stored.json')
    const reader = { name: 'ossreader', parameter: { datasource: 'oss_local', object: '${object}', obect: 'x' } }
    const write = (parameter: Record<string, unknown>) =>
      writeFile(file, JSON.stringify(dataxJob('stored', reader, { name: 'adbpgwriter', parameter })))
    await write({ datasource: 'adbpg_local', table: 'a.b.c', column: ['*'] })
    expect(await answerOf(['put', file, 'oss:///jobs/stored.json'])).toMatchObject({
      code: 2,
      answer: { error: { faults: expect.arrayContaining([expect.objectContaining({ severity: 'warning' })]) } },
    })
    expect((await answerOf(['plan', 'stored'])).answer).toMatchObject({ error: { code: 'job/unknown-job' } })
    await write({ datasource: 'adbpg_local', table: 'b.c', column: ['*'] })
    const stored = await answerOf(['put', file, 'oss:///jobs/stored.json'])
    expect(stored).toMatchObject({ code: 0, stderr: expect.stringMatching(/warning: .*obect.*did you mean object/) })
    expect((await answerOf(['run', 'storde'])).answer).toMatchObject({
      error: { message: expect.stringContaining('did you mean stored?') },
    })
  })

  it('a definition in a file is told by line and column', async () => {
    const file = join(folder, 'datasource.json')
    await writeFile(file, '{\n  "type": "adbpg",\n  "host": "h" "port": x\n}')
    expect(await type(['datasource', 'add', 'torn', '--file', file])).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/datasource\.json: .*line 3, column 23/),
    })
    await writeFile(file, '{\n  "type": "adbpg",\n  "host": "h", "port": "x"\n}')
    expect((await type(['datasource', 'add', 'torn', '--file', file])).stderr).toMatch(/port \(line 3, column 24\)/)
  })

  it('run --help teaches by examples', async () => {
    const { code, stdout } = await type(['run', '--help'])
    expect(code).toBe(0)
    expect(stdout).toMatch(/^Usage: adbpg-sync run .*--json.*Examples\n {2}adbpg-sync run job\.json/s)
  })
})
