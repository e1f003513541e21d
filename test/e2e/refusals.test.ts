import { spawn } from 'node:child_process'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { isEnded, Task } from '../../shared/local/fc/task-store.ts'
import { accountFor } from '../../shared/local/postgres/account.ts'
import { listIncidents } from '../../shared/run/job-store.ts'
import { holdFirst, type SeenRequest } from '../support/fault-proxy.ts'
import { type FaultyStack, startFaultyStack } from '../support/faulty-stack.ts'
import { eventually } from '../support/fc.ts'
import { dataxJob, fromOss, intoAdbpg, unique } from '../support/stack.ts'
import { tempDir } from '../support/temp-dir.ts'

/** Servers that say no: a closed whitelist and missing rights. A stable code, the next step, and nothing loaded. */
let stack: FaultyStack
let hbaFile: string
let hba: string
beforeAll(async () => {
  stack = await startFaultyStack()
  const { dataDir } = await accountFor(join(stack.stateDir, 'postgres'), process.getuid?.() ?? 1000)
  hbaFile = join(dataDir, 'pg_hba.conf')
  hba = await readFile(hbaFile, 'utf8')
  // The first run makes the ledger, as the administrator.
  const { job } = await objectJob({})
  await stack.run({ job })
})
afterEach(async () => {
  stack.calm()
  await open()
})
afterAll(() => stack?.close())

/** One chunk of a file, and two of a table. */
const rows = 1500
const csv = [...Array(rows).keys()].map((n) => `${n},"${'y'.repeat(n % 50)}"\n`).join('')

const reload = () => stack.sql('select pg_catalog.pg_reload_conf()')
/** The server knows nobody but the administrator, and is asked until a stranger is really refused. */
async function close(user: string) {
  await writeFile(hbaFile, 'host all adbpg 127.0.0.1/32 md5\n')
  await reload()
  await eventually(async () => !(await canConnect(user)))
}
async function open() {
  if ((await readFile(hbaFile, 'utf8')) === hba) return
  await writeFile(hbaFile, hba)
  await reload()
}
const canConnect = (user: string) =>
  stack.sql('select 1', { ...stack.adbpg, user }).then(
    () => true,
    () => false,
  )

/** A user with the administrator's password, which the functions know, and with the rights of every user. */
async function makeUser(rights: readonly string[] = []): Promise<string> {
  const user = unique('limited')
  const password = stack.stack.file.environment.ADBPG_LOCAL_PASSWORD
  await stack.sql(`create role ${user} login password '${password}'`)
  for (const right of rights) await stack.sql(`grant ${right} to ${user}`)
  return user
}
const ledgerRights = ['usage on schema adbpg_sync', 'select, insert on all tables in schema adbpg_sync']

const datasource = (type: 'adbpg' | 'postgresql', username: string, database: string) => ({
  type,
  host: stack.adbpg.host,
  port: stack.adbpg.port,
  database,
  username,
  password: 'env:ADBPG_LOCAL_PASSWORD',
  ssl: 'disable',
})

async function objectJob(writer: Record<string, unknown>) {
  const table = unique('refused')
  await stack.sql(`create table public.${table} (id bigint, note text)`)
  await stack.world.store.put(`data/${table}.csv`, Buffer.from(csv))
  return { table, job: dataxJob(table, fromOss(`data/${table}.csv`), intoAdbpg(`public.${table}`, writer)) }
}

async function tableJob(reader: Record<string, unknown> = {}) {
  const table = unique('refused')
  await stack.sql(`create table public.${table} (id bigint, note text)`)
  await stack.sql(`create table public.${table} (id bigint primary key, note text)`, stack.source)
  await stack.sql(
    `insert into public.${table} select n, repeat('z', 40) from generate_series(1, ${rows}) n`,
    stack.source,
  )
  const parameter = { datasource: 'pg_local', table: `public.${table}`, column: ['*'], ...reader }
  return { table, job: dataxJob(table, { name: 'postgresqlreader', parameter }, intoAdbpg(`public.${table}`)) }
}

const countOf = async (table: string) => (await stack.sql(`select id from public.${table}`)).length
const refused = (code: string) => ({
  state: 'failed',
  rows: { loaded: 0 },
  error: { code, advice: expect.stringMatching(/\w/) },
})

describe('a closed whitelist', () => {
  it('of ADBPG is told by start, with its code', async () => {
    const user = await makeUser(ledgerRights)
    const { table, job } = await objectJob({ datasource: 'limited' })
    await close(user)
    const start = stack.start({ job, datasources: { limited: datasource('adbpg', user, 'adbpg') } })
    await expect(start).rejects.toMatchObject({ code: 'connect/refused-by-whitelist' })
    await expect(start).rejects.toHaveProperty('policy.advice', expect.stringContaining('whitelist'))
    expect(await countOf(table)).toBe(0)
  })

  it('is told by the command with the next step and exit code 1', async () => {
    const user = await makeUser(ledgerRights)
    const { table, job } = await objectJob({ datasource: 'limited' })
    const dir = await tempDir('refused')
    await writeFile(join(dir, 'job.json'), JSON.stringify(job))
    await writeFile(join(dir, 'ds.json'), JSON.stringify({ limited: datasource('adbpg', user, 'adbpg') }))
    await close(user)
    const { code, out } = await command(['run', join(dir, 'job.json'), '--datasources', join(dir, 'ds.json')])
    expect(code).toBe(1)
    expect(out).toContain('connect/refused-by-whitelist')
    expect(out).toContain('Add the vSwitch CIDR of the function to the whitelist of the instance.')
    expect(await countOf(table)).toBe(0)
  })

  it('of the source ends the run with that code', async () => {
    const user = await makeUser()
    const { table, job } = await tableJob({ datasource: 'limited' })
    await close(user)
    const report = await stack.run({ job, datasources: { limited: datasource('postgresql', user, 'source') } })
    expect(report).toMatchObject(refused('connect/refused-by-whitelist'))
    expect(report.error?.advice).toContain('whitelist')
    expect(await countOf(table)).toBe(0)
  })

  it('that closes behind the last load is an incident, and the run ends well when it is open again', {
    timeout: 90_000,
  }, async () => {
    const user = await makeUser(ledgerRights)
    const { table, job } = await objectJob({ datasource: 'limited' })
    await stack.sql(`grant insert, select on public.${table} to ${user}`)
    let reads = 0
    const hold = holdFirst(({ method, url }: SeenRequest) => {
      if (method === 'GET' && url.includes(table)) reads += 1
      return reads === 2
    })
    stack.oss.onRequest = hold.onRequest
    const runId = await stack.start({ job, datasources: { limited: datasource('adbpg', user, 'adbpg') } })
    await hold.arrived
    await close(user)
    hold.letGo()
    await eventually(async () => {
      await stack.tick()
      const incidents = await listIncidents(stack.world.store, 100)
      return incidents.some(({ code, message }) => code === 'connect/refused-by-whitelist' && message.includes(user))
    })
    await eventually(nothingQueued, 30_000)
    await open()
    const report = await stack.endedWithTicks(runId)
    expect(report).toMatchObject({ state: 'succeeded', rows: { read: rows, loaded: rows }, error: null })
    expect(await countOf(table)).toBe(rows)
  })
})

describe('a missing right', () => {
  it('to make the schema of the ledger is told by start, naming schema, database and user', async () => {
    const user = await makeUser()
    const database = unique('bare')
    await stack.sql(`create database ${database}`)
    const { job } = await objectJob({ datasource: 'limited' })
    const start = stack.start({ job, datasources: { limited: datasource('adbpg', user, database) } })
    await expect(start).rejects.toMatchObject({
      code: 'connect/permission-denied',
      message: expect.stringMatching(new RegExp(`${user}.*adbpg_sync.*${database}`)),
    })
  })

  it('to insert into the table ends the run, naming the table', async () => {
    const user = await makeUser(ledgerRights)
    const { table, job } = await objectJob({ datasource: 'limited' })
    const report = await stack.run({ job, datasources: { limited: datasource('adbpg', user, 'adbpg') } })
    expect(report).toMatchObject(refused('connect/permission-denied'))
    expect(report.error?.message).toContain(table)
    expect(await countOf(table)).toBe(0)
  })

  it('to write the ledger ends the start, naming the table', async () => {
    const user = await makeUser(['usage on schema adbpg_sync', 'select on all tables in schema adbpg_sync'])
    const { table, job } = await objectJob({ datasource: 'limited' })
    const start = stack.start({ job, datasources: { limited: datasource('adbpg', user, 'adbpg') } })
    await expect(start).rejects.toMatchObject({
      code: 'connect/permission-denied',
      message: expect.stringContaining('run'),
    })
    expect(await countOf(table)).toBe(0)
  })

  it('to select from the source ends the run, naming the table', async () => {
    const user = await makeUser()
    const { table, job } = await tableJob({ datasource: 'limited' })
    const report = await stack.run({ job, datasources: { limited: datasource('postgresql', user, 'source') } })
    expect(report).toMatchObject(refused('connect/permission-denied'))
    expect(report.error?.message).toContain(table)
    expect(await countOf(table)).toBe(0)
  })

  const denied = { kind: 'refuse', status: 403, code: 'AccessDenied' } as const

  it.each(['HEAD', 'GET'])('to %s an object ends the run, naming the object', async (method) => {
    const { table, job } = await objectJob({})
    stack.oss.onRequest = (request) => (request.method === method && request.url.includes(table) ? denied : null)
    const report = await stack.run({ job })
    expect(report).toMatchObject(refused('connect/permission-denied'))
    expect(report.error?.message).toContain(`data/${table}.csv`)
    expect(await countOf(table)).toBe(0)
  })

  it('to put chunks into the bucket ends the run, naming the chunk', async () => {
    const { table, job } = await tableJob()
    // One slice, which is staged.
    await stack.sql(`alter table public.${table} drop constraint ${table}_pkey`, stack.source)
    stack.oss.onRequest = ({ method, url }) => (method === 'PUT' && url.includes('/stage/') ? denied : null)
    const report = await stack.run({ job })
    expect(report).toMatchObject(refused('connect/permission-denied'))
    expect(report.error?.message).toContain(`stage/${report.runId}/`)
    expect(await countOf(table)).toBe(0)
  })

  it('to publish ends an export, which shows nothing', async () => {
    const table = unique('refused')
    await stack.sql(`create table public.${table} (id bigint primary key, note text)`)
    await stack.sql(`insert into public.${table} select n, 'x' from generate_series(1, ${rows}) n`)
    const parameter = { datasource: 'adbpg_local', table: `public.${table}`, column: ['*'], splitPk: 'id' }
    const object = { datasource: 'oss_local', object: `out/${table}/part`, writeMode: 'truncate' }
    const job = dataxJob(table, { name: 'adbpgreader', parameter }, { name: 'osswriter', parameter: object })
    stack.oss.onRequest = ({ method, url }) => (method === 'POST' && /uploadId=/.test(url) ? denied : null)
    const report = await stack.run({ job })
    expect(report).toMatchObject(refused('connect/permission-denied'))
    expect(report.error?.message).toContain(`out/${table}/part`)
    const shown: string[] = []
    for await (const { key } of stack.world.store.list(`out/${table}/`)) shown.push(key)
    expect(shown).toEqual([])
  })
})

/**
 * The platform has given up on every task, so that nothing but `tick` can go on with the run. Looked at twice, because the
 * event of a failed task is queued just before that task ends, and may be missed by the first listing.
 */
async function nothingQueued(): Promise<boolean> {
  const before = await tasks()
  const after = await tasks()
  return before.every(isEnded) && after.every(isEnded) && before.length === after.length
}

async function tasks(): Promise<Task[]> {
  const folder = join(stack.stateDir, 'fc', 'tasks')
  const files = (await readdir(folder)).filter((file) => file.endsWith('.json'))
  return await Promise.all(
    files.map(async (file) => Task.parse(JSON.parse(await readFile(join(folder, file), 'utf8')))),
  )
}

/** A command as a user would type it. */
async function command(words: readonly string[]): Promise<{ code: number | null; out: string }> {
  const bin = fileURLToPath(new URL('../../shared/cli/bin.mjs', import.meta.url))
  const env = { PATH: process.env.PATH, ADBPG_SYNC_HOME: stack.stateDir }
  const child = spawn(process.execPath, [bin, ...words], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  let out = ''
  for (const pipe of [child.stdout, child.stderr]) pipe.on('data', (piece) => (out += piece))
  return await new Promise((resolve) => child.once('close', (code) => resolve({ code, out })))
}
