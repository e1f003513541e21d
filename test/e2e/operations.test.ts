import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { commandLine } from '../support/command-line.ts'
import { dataxJob, fromOss, intoAdbpg, startTestStack, type TestStack, unique } from '../support/stack.ts'
import { tempDir } from '../support/temp-dir.ts'

let stack: TestStack
let folder: string
beforeAll(async () => {
  folder = await tempDir('operations')
  stack = await startTestStack()
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
      answer: { error: { message: expect.stringContaining('--replace') } },
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
    ['no secret in the pipe', ['--password-stdin'], 'job/invalid'],
    ['a file that is not there', ['--file', '/nowhere.json'], 'job/invalid'],
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
