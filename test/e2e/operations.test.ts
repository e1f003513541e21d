import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { RunId } from '../../shared/job/index.ts'
import { commandLine } from '../support/command-line.ts'
import { eventually } from '../support/fc.ts'
import { dataxJob, fromOss, intoAdbpg, startTestStack, type TestStack, unique } from '../support/stack.ts'
import { tempDir } from '../support/temp-dir.ts'
import { answering, startWebhook } from '../support/webhook.ts'

let stack: TestStack
let folder: string
beforeAll(async () => {
  folder = await tempDir('operations')
  // Nobody answers for KMS.
  stack = await startTestStack({ ADBPG_SYNC_KMS_ENDPOINT: 'http://127.0.0.1:1' })
}, 120_000)
afterAll(() => stack?.close())

const { type, answerOf } = commandLine((own) => ({ HOME: folder, ADBPG_SYNC_HOME: stack.stateDir, ...own }))

const password = () => stack.stack.file.environment.ADBPG_LOCAL_PASSWORD ?? ''

/** A call of the HTTP API with its token. */
async function api(method: string, path: string, body?: unknown) {
  const { url, token } = stack.stack.file.address.api
  const response = await fetch(`${url}${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  return { status: response.status, body: (await response.json()) as Record<string, unknown> }
}

const optionsOfStack = () => {
  const { host, port, database, user } = stack.adbpg
  return ['--type', 'adbpg', '--host', host, '--port', String(port), '--database', database, '--username', user]
}

async function fileJob(datasource: string) {
  const table = unique('operations')
  await stack.sql(`create table public.${table} (id integer, note text)`)
  await stack.world.store.put(`files/${table}.csv`, Buffer.from('1,one\n2,two\n'))
  const job = join(folder, `${table}.json`)
  const document = dataxJob(table, fromOss(`files/${table}.csv`), intoAdbpg(`public.${table}`))
  await writeFile(job, JSON.stringify(document).replaceAll('adbpg_local', datasource))
  return { table, job, document }
}

describe('datasource', () => {
  it('is added with a piped secret, used by a run, shown, listed and removed', async () => {
    const added = await answerOf(
      ['datasource', 'add', 'piped', ...optionsOfStack(), '--password-stdin'],
      {},
      `${password()}\n`,
    )
    expect(added).toMatchObject({ code: 0, answer: { definition: { password: expect.stringMatching(/^vault:\w+$/) } } })
    const stored = await stack.world.store.read('datasources/piped.json', 10_000)
    expect(stored?.body.toString()).not.toContain(password())
    const { table, job } = await fileJob('piped')
    expect((await answerOf(['run', job])).answer).toMatchObject({ state: 'succeeded', rows: { loaded: 2 } })
    expect(await stack.sql(`select count(*)::integer as n from public.${table}`)).toEqual([{ n: 2 }])
    expect((await answerOf(['datasource', 'show', 'piped'])).answer).toMatchObject({ definition: { type: 'adbpg' } })
    expect((await type(['datasource', 'list'])).stdout).toMatch(/piped.*adbpg.*127\.0\.0\.1/)
    const vault = join(stack.stateDir, 'vault')
    const entries = (await readdir(vault)).filter((file) => file.startsWith('datasources_piped_'))
    expect(entries).toHaveLength(1)
    expect((await readFile(join(vault, entries[0] ?? ''))).includes(password())).toBe(false)
    expect((await answerOf(['datasource', 'remove', 'piped'])).code).toBe(0)
    expect((await readdir(vault)).filter((file) => file.startsWith('datasources_piped_'))).toEqual([])
    expect(await answerOf(['run', job])).toMatchObject({
      code: 2,
      answer: { error: { code: 'job/unknown-datasource' } },
    })
  })

  it('is not replaced unawares, and a job that names it is told when it goes', async () => {
    const add = ['datasource', 'add', 'twice', ...optionsOfStack(), '--password', 'env:ADBPG_LOCAL_PASSWORD']
    expect((await answerOf(add)).code).toBe(0)
    expect(await answerOf(add)).toMatchObject({
      code: 2,
      answer: { error: { code: 'job/name-taken', advice: expect.stringContaining('--replace') } },
    })
    expect((await answerOf([...add, '--replace', '--ssl', 'require'])).answer).toMatchObject({
      definition: { ssl: 'require' },
    })
    const { document } = await fileJob('twice')
    await stack.world.store.put(
      `jobs/${document.name}.json`,
      Buffer.from(JSON.stringify(document).replaceAll('adbpg_local', 'twice')),
    )
    expect((await answerOf(['datasource', 'remove', 'twice'])).answer).toMatchObject({ jobs: [document.name] })
    await stack.world.store.remove([`jobs/${document.name}.json`])
  })

  it.each([
    ['a secret as an argument', ['--password', 'hunter2'], 'job/literal-secret'],
    ['no secret in the pipe', ['--password-stdin'], 'usage/invalid'],
    ['a file that is not there', ['--file', '/nowhere.json'], 'usage/invalid'],
    ['a type that nobody knows', ['--type', 'oracle', '--password', 'env:P'], 'job/invalid'],
  ])('refuses %s with exit code 2', async (_, options, code) => {
    const { code: exit, answer } = await answerOf(['datasource', 'add', 'refused', ...optionsOfStack(), ...options])
    expect({ exit, answer }).toMatchObject({ exit: 2, answer: { error: { code } } })
    expect(JSON.stringify(answer)).not.toContain('hunter2')
    expect(await answerOf(['datasource', 'show', 'refused'])).toMatchObject({ code: 2 })
  })

  it('comes from a file as DataWorks exports it, warnings told, unreadable neighbours no obstacle', async () => {
    const { host, port, database, user } = stack.adbpg
    const file = join(folder, 'export.json')
    const definition = {
      type: 'analyticdb_for_postgresql',
      connectionProperties: {
        address: [{ host, port }],
        database,
        username: user,
        password: password(),
        envType: 'Prod',
        colour: 1,
      },
    }
    await writeFile(file, JSON.stringify(definition))
    const { code, stderr, stdout } = await type(['datasource', 'add', 'exported', '--file', file, '--json'])
    expect(code).toBe(0)
    expect(stderr).toContain('colour')
    expect(stdout + stderr).not.toContain(password())
    await stack.world.store.put('datasources/broken.json', Buffer.from('{'))
    const listed = (await answerOf(['datasource', 'list'])).answer as unknown as Record<string, unknown>[]
    expect(listed).toContainEqual(expect.objectContaining({ name: 'exported', from: 'bucket' }))
    expect(listed).toContainEqual(expect.objectContaining({ name: 'broken', error: expect.anything() }))
    await stack.world.store.remove(['datasources/broken.json', 'datasources/exported.json'])
  })

  it('is served by the API likewise, where a secret in plain text is refused', async () => {
    const definition = { type: 'oss', endpoint: 'http://127.0.0.1:1', bucket: 'bkt', nonsense: 1 }
    const put = await api('PUT', '/v1/datasources/of_api', definition)
    expect(put).toMatchObject({ status: 200, body: { warnings: [expect.stringContaining('nonsense')] } })
    expect((await api('GET', '/v1/datasources/of_api')).body).toMatchObject({ definition: { bucket: 'bkt' } })
    expect((await api('GET', '/v1/datasources')).body.datasources).toContainEqual(
      expect.objectContaining({ name: 'of_api' }),
    )
    expect((await api('DELETE', '/v1/datasources/of_api')).status).toBe(200)
    expect((await api('GET', '/v1/datasources/of_api')).status).toBe(404)
    const plain = await api('PUT', '/v1/datasources/of_api', { ...definition, accessId: 'a', accessKey: 'hunter2' })
    expect(plain.status).toBe(400)
    expect(JSON.stringify(plain.body)).not.toContain('hunter2')
    expect((await api('PUT', '/v1/datasources/no-name', definition)).status).toBe(400)
  })
})

describe('a stored job', () => {
  const broken = '{"name": "broken", "trigers": [], "script": {"job": {"content": []}}, "parameters": 7}'

  it('is added, listed, shown and run, replaced only if asked, and removed', async () => {
    const { job, document, table } = await fileJob('adbpg_local')
    const text = `// as it is\n${JSON.stringify({ ...document, triggers: [{ type: 'object', prefix: `in/${table}/` }] })}`
    await writeFile(job, text)
    expect(await answerOf(['job', 'add', job])).toMatchObject({ code: 0, answer: { name: table, warnings: [] } })
    expect((await stack.world.store.read(`jobs/${table}.json`, 10_000))?.body.toString()).toBe(text)
    expect(await answerOf(['job', 'add', job])).toMatchObject({
      code: 2,
      answer: { error: { code: 'job/name-taken', advice: expect.stringContaining('--replace') } },
    })
    expect((await answerOf(['job', 'add', job, '--replace'])).code).toBe(0)
    expect((await answerOf(['job', 'list'])).answer).toContainEqual(
      expect.objectContaining({ name: table, triggers: [`object in/${table}/*`], error: null }),
    )
    expect((await type(['job', 'show', table])).stdout).toBe(`${text}\n`)
    expect((await answerOf(['run', table])).answer).toMatchObject({ state: 'succeeded' })
    const dependent = { ...document, name: `${table}_b`, schedule: { dependsOn: [table] } }
    await stack.putJob(dependent)
    expect((await answerOf(['job', 'remove', table])).answer).toMatchObject({
      name: table,
      triggers: [`object in/${table}/*`],
      openRuns: [],
      dependents: [`${table}_b`],
    })
    expect(await answerOf(['job', 'remove', table])).toMatchObject({
      code: 2,
      answer: { error: { code: 'job/unknown-job' } },
    })
    expect((await answerOf(['run', table])).code).toBe(2)
    await stack.world.store.remove([`jobs/${table}_b.json`])
  })

  it('that is removed tells of the run that is under way, which goes on', async () => {
    const { document, table } = await fileJob('adbpg_local')
    await stack.putJob(document)
    await using locked = await stack.world.connectSql(stack.adbpg, new AbortController().signal)
    await locked.query('begin')
    await locked.query(`lock table public.${table} in access exclusive mode`)
    const { answer } = await answerOf(['run', table, '--detach'])
    const { stdout } = await type(['job', 'remove', table])
    expect(stdout).toMatch(new RegExp(`open runs go on: ${answer.runId}; adbpg-sync stop`))
    await locked.query('rollback')
    expect(await stack.ended(String(answer.runId) as RunId)).toMatchObject({ state: 'succeeded', rows: { loaded: 2 } })
  })

  it('that is broken is refused with all faults by each way in that is ours', async () => {
    const file = join(folder, 'broken.json')
    await writeFile(file, broken)
    const { document } = await fileJob('adbpg_local')
    const strange = join(folder, 'strange.json')
    const text = JSON.stringify({ ...document, name: 'strange' })
    await writeFile(strange, text.replace('"column":["*"]', '"column":7,"fileFormat":"doc"'))
    for (const words of [
      ['job', 'add', file],
      ['put', file, 'oss:///jobs/broken.json'],
    ]) {
      const { code, answer } = await answerOf(words)
      expect({ code, answer }).toMatchObject({ code: 2, answer: { error: { code: 'job/invalid' } } })
      expect((answer.error as { message: string }).message).toMatch(/trigers.*did you mean triggers[\s\S]*parameters/)
    }
    for (const words of [
      ['job', 'add', strange],
      ['put', strange, 'oss:///jobs/strange.json'],
    ]) {
      const { code, answer } = await answerOf(words)
      expect(code).toBe(2)
      expect((answer.error as { message: string }).message).toMatch(/reader\.parameter\.column[\s\S]*fileFormat/)
    }
    expect(await api('PUT', '/v1/jobs/broken', JSON.parse(broken))).toMatchObject({ status: 400 })
    await writeFile(strange, text)
    expect(await answerOf(['put', strange, 'oss:///jobs/other.json'])).toMatchObject({
      code: 2,
      answer: { error: { message: expect.stringMatching(/says strange.*stored as other/) } },
    })
    for (const name of ['broken', 'strange', 'other'])
      expect(await stack.world.store.head(`jobs/${name}.json`)).toBeNull()
  })

  it('may wait for values and datasources that are not there yet, which is told', async () => {
    const { job, document, table } = await fileJob('later_db')
    const text = JSON.stringify(document)
      .replaceAll('adbpg_local', 'later_db')
      .replace(/"channel":\d/, '"channel":"${lanes}"')
      .replace(`files/${table}.csv`, '${object}')
    await writeFile(job, text)
    const { code, answer } = await answerOf(['job', 'add', job])
    expect({ code, answer }).toMatchObject({ code: 0 })
    expect(JSON.stringify(answer.warnings)).toMatch(/later_db.*lanes|lanes.*later_db/)
    expect((await answerOf(['job', 'remove', table])).code).toBe(0)
  })

  it('that somebody else put there broken is told once, of that job alone, until it is mended or gone', async () => {
    const { document, table } = await fileJob('adbpg_local')
    const key = `jobs/${table}.json`
    const incidents = async (...words: string[]) =>
      (await answerOf(['status', ...words])).answer.incidents as {
        at: string
        message: string
        context: { job?: string }
      }[]
    const own = async (...words: string[]) => (await incidents(...words)).filter(({ context }) => context.job === table)
    await stack.world.store.put(key, Buffer.from(broken))
    await stack.tick()
    const [first, ...more] = await own()
    expect(more).toEqual([])
    expect(first?.message).toMatch(/trigers[\s\S]*parameters/)
    await stack.tick()
    expect(await own()).toEqual([first])
    expect(await own('--job', table)).toEqual([first])
    expect(await incidents('--job', 'another')).toEqual([])
    expect(await answerOf(['job', 'list'])).toMatchObject({
      answer: expect.arrayContaining([expect.objectContaining({ name: table, error: expect.anything() })]),
    })
    expect(await answerOf(['job', 'show', table])).toMatchObject({ code: 2, answer: { text: broken } })
    await stack.putJob(document)
    expect(await own()).toEqual([])
    await stack.tick()
    expect(await own()).toEqual([])
    await stack.world.store.put(key, Buffer.from('{'))
    await stack.tick()
    expect(await own()).toHaveLength(1)
    expect((await answerOf(['job', 'remove', table])).code).toBe(0)
    expect(await own()).toEqual([])
  })

  it('is served by the API likewise', async () => {
    const { document, table } = await fileJob('adbpg_local')
    const path = `/v1/jobs/${table}`
    expect(await api('PUT', path, document)).toMatchObject({ status: 200, body: { name: table, warnings: [] } })
    expect((await api('GET', '/v1/jobs')).body.jobs).toContainEqual(
      expect.objectContaining({ name: table, error: null }),
    )
    expect((await api('GET', path)).body).toMatchObject({ document: { name: table } })
    expect(await api('DELETE', path)).toMatchObject({ status: 200, body: { name: table, openRuns: [] } })
    expect((await api('GET', path)).status).toBe(404)
    expect((await api('DELETE', path)).status).toBe(404)
  })
})

interface Line {
  readonly about: string
  readonly check: string
  readonly state: string
  readonly detail: string
  readonly next: string | null
}

describe('doctor', () => {
  const look = async (job: string, ...more: string[]) => {
    const { code, answer } = await answerOf(['doctor', job, ...more])
    return { code, lines: answer as unknown as Line[] }
  }
  const bad = (lines: readonly Line[]) => lines.filter(({ state }) => state === 'failed')

  it('finds a job that would run in order, each thing on a line', async () => {
    const { job, document } = await fileJob('adbpg_local')
    const triggers = [
      { type: 'object', prefix: 'in/x/', suffix: '.csv' },
      { type: 'schedule', cron: '0 5 0 * * *', timeZone: 'Asia/Shanghai' },
    ]
    await writeFile(job, JSON.stringify({ ...document, triggers }))
    const { code, lines } = await look(job)
    expect(bad(lines)).toEqual([])
    expect(code).toBe(0)
    const names = lines.map(({ about, check }) => `${about}: ${check}`)
    for (const name of ['start', 'object', 'tick', 'api', 'plan', 'stage', 'load', 'finish'])
      expect(names).toContain(`functions: ${name}`)
    for (const name of ['write', 'read', 'list', 'conditional put', 'remove'])
      expect(names).toContain(`bucket: ${name}`)
    for (const name of ['dns', 'route', 'whitelist', 'tls', 'login', 'server', 'privileges'])
      expect(names).toContain(`writer, ledger: ${name}`)
    for (const name of [
      'job: trigger',
      'job: schedule',
      'reader: split',
      'reader: read',
      'writer: table',
      'writer: privileges',
    ])
      expect(names).toContain(name)
    expect(names).toContain('reader, writer: columns')
    for await (const { key } of stack.world.store.list('doctor/')) expect(key).toBe('nothing is left behind')
    const { stdout } = await type(['doctor', job])
    expect(stdout).toMatch(/^ok +functions +start .* MB, 120 s$/m)
  })

  it('finds what is wrong with one, and goes on behind it', async () => {
    const { job, document, table } = await fileJob('adbpg_local')
    const text = JSON.stringify(document)
    await writeFile(
      job,
      text.replace(`files/${table}.csv`, 'files/none.csv').replace(`public.${table}`, `public.${table}x`),
    )
    const { code, lines } = await look(job)
    expect(code).toBe(1)
    expect(bad(lines)).toMatchObject([
      { about: 'reader', check: 'split', detail: expect.stringContaining('source/no-objects') },
      { about: 'writer', check: 'table', detail: expect.stringContaining(`did you mean public.${table}`) },
    ])
  })

  it('refuses what a plan refuses: a write mode without a key, and a view that takes no rows', async () => {
    const { job, document, table } = await fileJob('adbpg_local')
    const text = JSON.stringify(document)
    await writeFile(job, text.replace(`"public.${table}"`, `"public.${table}","conflictMode":"replace"`))
    const keyless = await look(job)
    const planned = (await answerOf(['plan', job])).answer as { error?: { message: string } }
    const told = String(planned.error?.message)
    expect(told).toContain('has no primary key')
    expect(bad(keyless.lines)).toMatchObject([
      { about: 'writer', check: 'write mode', detail: expect.stringContaining(told) },
    ])
    await stack.sql(`create view public.${table}_view as select * from public.${table}`)
    await writeFile(job, text.replace(`"public.${table}"`, `"public.${table}_view"`))
    expect(bad((await look(job)).lines)).toMatchObject([
      { about: 'writer', check: 'table', detail: expect.stringContaining('is a view') },
    ])
    expect(await answerOf(['plan', job])).toMatchObject({ code: 2, answer: { error: { code: 'job/unsupported' } } })
  })

  it('looks from the function: a server that only its datasource misses, a job that cannot be read', async () => {
    const { job } = await fileJob('elsewhere')
    const file = join(folder, 'elsewhere.json')
    const { host, database, user } = stack.adbpg
    const definition = { type: 'adbpg', host, port: 1, database, username: user, password: 'env:ADBPG_LOCAL_PASSWORD' }
    await writeFile(file, JSON.stringify({ elsewhere: definition }))
    const closed = await look(job, '--datasources', file)
    expect(bad(closed.lines)).toMatchObject([
      { about: 'writer, ledger', check: 'route', next: expect.stringContaining('refuses the port') },
    ])
    expect(closed.lines).toContainEqual(expect.objectContaining({ about: 'reader', check: 'read', state: 'ok' }))
    const unknown = await look(job)
    expect(unknown.code).toBe(1)
    expect(bad(unknown.lines)).toMatchObject([
      { about: 'job', check: 'script', detail: expect.stringContaining('elsewhere') },
    ])
  })

  it('reads a database source as a run would, and tells a splitPk that is of no use', async () => {
    const table = unique('doctor')
    await stack.sql(`create table public.${table} (id text, note text)`, stack.source)
    await stack.sql(
      `insert into public.${table} select 'k' || n, repeat('x', 200) from generate_series(1, 2000) n`,
      stack.source,
    )
    await stack.sql(`create table public.${table} (note text, id text)`)
    const reader = {
      name: 'postgresqlreader',
      parameter: { datasource: 'pg_local', table, column: ['id', 'note'], splitPk: 'id' },
    }
    const job = join(folder, `${table}.json`)
    await writeFile(
      job,
      JSON.stringify(dataxJob(table, reader, intoAdbpg(`public.${table}`, { column: ['note', 'id'] }))),
    )
    const { code, lines } = await look(job)
    expect(code).toBe(0)
    expect(lines).toContainEqual(
      expect.objectContaining({
        about: 'reader',
        check: 'split',
        state: 'warning',
        detail: expect.stringContaining('splitPk id is not used'),
      }),
    )
    expect(lines).toContainEqual(expect.objectContaining({ check: 'columns', state: 'warning' }))
    expect(lines).toContainEqual(
      expect.objectContaining({
        about: 'reader',
        check: 'read',
        state: 'ok',
        detail: expect.stringMatching(/first \d+ bytes/),
      }),
    )
  })

  it('tells the part of a datasource that is in the way, and what to do about it', async () => {
    const { endpoint, bucket, accessKeyId, accessKeySecret } = stack.stack.file.address.oss
    const [key, secret] = [['--access-id', accessKeyId], ['--access-key-stdin']]
    const oss = ['--type', 'oss', '--endpoint', endpoint, '--region', 'cn-hangzhou', '--bucket']
    const adbpg = optionsOfStack()
    const elsewhere = adbpg.map((word, at) => (adbpg[at - 1] === '--database' ? 'nowhere' : word))
    const cases = [
      [
        'closed_kms',
        [...adbpg, '--password', 'kms:warehouse'],
        '',
        /FAIL closed_kms +secret +connect\/secrets-unreachable: no answer from KMS at 127\.0\.0\.1:1 .*\n +next: .*ADBPG_SYNC_KMS_ENDPOINT/,
      ],
      [
        'no_database',
        [...elsewhere, '--password-stdin'],
        password(),
        /FAIL no_database +login +connect\/database-missing.*\n +next: Create database nowhere/,
      ],
      [
        'wrong_key',
        [...oss, bucket, ...key, ...secret],
        'wrong',
        /FAIL wrong_key +list .*\n +next: OSS knows accessId \S+, but not with this secret/,
      ],
      [
        'wrong_id',
        [...oss, bucket, '--access-id', 'nobody', ...secret],
        accessKeySecret,
        /FAIL wrong_id +list .*\n +next: OSS does not know accessId nobody/,
      ],
      [
        'no_bucket',
        [...oss, 'no-such-bucket', ...key, ...secret],
        accessKeySecret,
        /FAIL no_bucket +list .*\n +next: Correct bucket no-such-bucket/,
      ],
    ] as const
    for (const [name, options, piped, told] of cases) {
      expect(await answerOf(['datasource', 'add', name, ...options], {}, piped)).toMatchObject({ code: 0 })
      const { code, stdout } = await type(['datasource', 'test', name])
      expect({ name, code, stdout }).toEqual({ name, code: 1, stdout: expect.stringMatching(told) })
      expect(stdout.match(/^FAIL/gm), stdout).toHaveLength(1)
      expect(stdout).not.toContain(accessKeySecret)
    }
    await stack.world.store.remove(cases.map(([name]) => `datasources/${name}.json`))
  })

  it('looks at both ends of a job that has no ADBPG', async () => {
    const { job, document } = await fileJob('adbpg_local')
    const text = JSON.stringify(document).replace('adbpgwriter', 'postgresqlwriter').replace('adbpg_local', 'pg_local')
    await writeFile(job, text)
    const { lines } = await look(job)
    expect(bad(lines)).toContainEqual(expect.objectContaining({ about: 'ledger', check: 'place' }))
    expect(lines).toContainEqual(expect.objectContaining({ about: 'reader', check: 'read', state: 'ok' }))
  })

  it('asks a datasource alone, by the command line and the API, and is asked of a stored job by the API', async () => {
    expect(await answerOf(['datasource', 'test', 'adbpg_local'])).toMatchObject({ code: 0 })
    expect((await type(['datasource', 'test', 'oss_local'])).stdout).toMatch(/ok +oss_local +list/)
    await answerOf(['datasource', 'add', 'wrong', ...optionsOfStack(), '--password-stdin'], {}, 'not the password')
    const wrong = await type(['datasource', 'test', 'wrong'])
    expect(wrong).toMatchObject({ code: 1, stdout: expect.stringMatching(/FAIL wrong +login/) })
    expect(await api('POST', '/v1/datasources/wrong/test')).toMatchObject({ status: 200, body: { ok: false } })
    expect((await api('POST', '/v1/datasources/none/test')).status).toBe(404)
    const { document } = await fileJob('adbpg_local')
    await stack.putJob(document)
    const { status, body } = await api('POST', `/v1/jobs/${document.name}/doctor`)
    expect({ status, ok: body.ok }, JSON.stringify(body)).toEqual({ status: 200, ok: true })
    await stack.world.store.remove([`jobs/${document.name}.json`])
  })
})

describe('the end of a run', () => {
  const hooked = async (notices: readonly object[], rows = '1,one\n2,two\n') => {
    const { table, job, document } = await fileJob('adbpg_local')
    await stack.world.store.put(`files/${table}.csv`, Buffer.from(rows))
    await writeFile(job, JSON.stringify({ ...document, notices }))
    return { table, job, document }
  }
  const noticesIn = (answer: Record<string, unknown>) => answer.notices as Record<string, unknown>[]
  const settled = (runId: unknown) =>
    eventually(async () => {
      const { answer } = await answerOf(['status', String(runId)])
      return noticesIn(answer).every(({ outcome }) => outcome !== 'due') ? noticesIn(answer) : null
    })

  it('is told once to those who want to know of it, with a URL that nobody else sees', async () => {
    const webhook = await startWebhook()
    const secretUrl = `${webhook.url}/hook/very-secret-token`
    const notices = [
      { on: ['succeeded'], webhook: secretUrl, secret: 'signing-secret' },
      { on: ['failed', 'stopped'], webhook: `${webhook.url}/failed` },
    ]
    const good = await hooked(notices)
    const { code, answer } = await answerOf(['run', good.job])
    expect(code).toBe(0)
    expect(await settled(answer.runId)).toMatchObject([{ to: expect.stringMatching(/^vault:/), outcome: 'delivered' }])
    expect(webhook.received).toHaveLength(1)
    expect(webhook.received[0]).toMatchObject({
      path: '/hook/very-secret-token',
      headers: { 'x-adbpg-sync-signature': expect.stringMatching(/^sha256=/) },
    })
    expect(JSON.parse(webhook.received[0]?.body ?? '{}')).toMatchObject({
      event: 'run.succeeded',
      run: { runId: answer.runId, rows: { loaded: 2 } },
    })
    const spec = await stack.sql(`select spec from adbpg_sync.run where run_id = '${answer.runId}'`)
    expect(JSON.stringify(spec) + JSON.stringify(answer)).not.toMatch(/very-secret-token|signing-secret/)
    const bad = await hooked(notices, '1,one\nx,two\n')
    const failed = await answerOf(['run', bad.job])
    expect(failed.code).toBe(1)
    await settled(failed.answer.runId)
    expect(webhook.received.map(({ path }) => path)).toEqual(['/hook/very-secret-token', expect.any(String)])
    expect(JSON.parse(webhook.received[1]?.body ?? '{}')).toMatchObject({
      event: 'run.failed',
      run: { error: { code: 'record/format' } },
    })
    // A finish that comes again finds the notice settled.
    await stack.world.invoker.invokeSync(
      'finish',
      { step: 'finish', runId: answer.runId, generation: 0, ledger: stack.adbpg },
      30_000,
    )
    await stack.tick()
    expect(webhook.received).toHaveLength(2)
    await webhook.close()
  })

  it('does not fail for a receiver that is down: tick comes back with the notice', async () => {
    const webhook = await startWebhook()
    webhook.answers = [answering(500), answering(500), answering(500)]
    const { job } = await hooked([{ on: ['succeeded'], webhook: webhook.url }])
    const { code, answer } = await answerOf(['run', job])
    expect(code).toBe(0)
    expect(await stack.whileTicking(() => settled(answer.runId))).toMatchObject([
      { outcome: 'delivered', attempts: 2, settledAt: expect.any(String), error: null },
    ])
    expect(webhook.received).toHaveLength(4)
    expect(new Set(webhook.received.map(({ headers }) => headers['x-adbpg-sync-delivery'])).size).toBe(1)
    await webhook.close()
  })

  it('is told of although finish died between the end and the notice', async () => {
    const webhook = await startWebhook()
    const { job } = await hooked([{ on: ['succeeded'], webhook: webhook.url }])
    await stack.crashAt('finish/before-clean-up')
    const { answer } = await answerOf(['run', job])
    expect(await stack.whileTicking(() => settled(answer.runId))).toMatchObject([{ outcome: 'delivered' }])
    expect(await stack.crashed()).toBe(true)
    expect(webhook.received).toHaveLength(1)
    await webhook.close()
  })

  it('that a receiver refuses is an incident, and seen with the run', async () => {
    const webhook = await startWebhook()
    webhook.answers = [answering(404)]
    const { job } = await hooked([{ on: ['succeeded'], webhook: webhook.url }])
    const { code, answer } = await answerOf(['run', job])
    expect(code).toBe(0)
    expect(await settled(answer.runId)).toMatchObject([
      { outcome: 'undeliverable', error: { code: 'run/notice-refused' } },
    ])
    expect((await type(['status', String(answer.runId)])).stdout).toMatch(
      /^notice +vault:\w+: undeliverable at \S+ \(.*404\)$/m,
    )
    const { incidents } = (await answerOf(['status', '--limit', '1000'])).answer
    expect(incidents).toContainEqual(
      expect.objectContaining({ code: 'run/notice-refused', message: expect.stringContaining(String(answer.runId)) }),
    )
    await webhook.close()
  })

  it('is logged by finish in the words of DataX, a line for each', async () => {
    const { job } = await hooked([])
    const { answer } = await answerOf(['run', job])
    const logs = join(stack.stateDir, 'fc', 'logs')
    const lines = await eventually(async () => {
      const texts = await Promise.all((await readdir(logs)).map((file) => readFile(join(logs, file), 'utf8')))
      const found = texts
        .join('\n')
        .split('\n')
        .filter((line) => line.includes(String(answer.runId)))
      return found.some((line) => line.includes('读写失败总数')) ? found : null
    })
    expect(lines.filter((line) => line.includes('读出记录总数'))).toHaveLength(1)
    expect(lines.find((line) => line.includes('读出记录总数'))).toMatch(/读出记录总数 +: +2/)
  })

  it('is found by state, time and job, by the command line and the API, and summed up as DataX does', async () => {
    const { job, document } = await hooked([])
    const { answer } = await answerOf(['run', job])
    const listed = async (...options: string[]) =>
      ((await answerOf(['status', ...options])).answer.runs as { runId: string }[]).map(({ runId }) => runId)
    expect(await listed('--job', document.name, '--state', 'succeeded', '--since', '1h')).toEqual([answer.runId])
    expect(await listed('--job', document.name, '--state', 'failed')).toEqual([])
    expect(await listed('--job', document.name, '--since', '2099-01-01')).toEqual([])
    expect((await answerOf(['status', '--since', 'yesterday'])).code).toBe(2)
    expect((await type(['status', '--state', 'odd'])).code).toBe(2)
    expect((await answerOf(['status', '--job', '1 2'])).code).toBe(2)
    const { body } = await api('GET', `/v1/runs?job=${document.name}&state=succeeded&since=1h`)
    expect(body.runs).toMatchObject([{ runId: answer.runId }])
    expect((await api('GET', '/v1/runs?state=odd')).status).toBe(400)
    expect((await type(['status', String(answer.runId), '--summary'])).stdout).toMatch(/^读出记录总数 +: +2$/m)
    expect((await answerOf(['status', String(answer.runId), '--summary'])).answer).toMatchObject({
      records: 2,
      failed: 0,
    })
  })
})
