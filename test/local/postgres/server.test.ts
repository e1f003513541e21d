import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { chmod, chown, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { homedir, networkInterfaces, tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { accountFor } from '../../../shared/local/postgres/account.ts'
import { findFreePort } from '../../../shared/local/postgres/free-port.ts'
import { findProcess } from '../../../shared/local/postgres/processes.ts'
import { type PostgresServer, startPostgres } from '../../../shared/local/postgres/server.ts'
import type { SqlSession } from '../../../shared/ports/index.ts'
import { connectSql } from '../../../shared/postgres/session.ts'
import { keptLog } from '../../support/log.ts'
import { databaseOf, placeData, removeData, testPassword, testSecrets } from '../../support/postgres.ts'

const uid = process.getuid?.() ?? 1000
const log = keptLog()
let root = ''
const children: ChildProcess[] = []
const servers: PostgresServer[] = []
const dataDirs: string[] = []

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'adbpg-sync-server-test-'))
})

afterEach(async () => {
  for (const child of children.splice(0)) {
    child.kill('SIGKILL')
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  }
  for (const server of servers.splice(0)) await server.close()
  for (const dataDir of dataDirs.splice(0)) await removeData(dataDir)
})

afterAll(() => rm(root, { recursive: true, force: true }))

function newDataDir(name: string): string {
  const dataDir = join(root, name)
  dataDirs.push(dataDir)
  return dataDir
}

/** For tests of what comes after the first start. */
async function startedBefore(name: string): Promise<string> {
  const dataDir = newDataDir(name)
  await placeData(dataDir)
  return dataDir
}

async function start(
  dataDir: string,
  more: { port?: number; password?: string; durable?: boolean } = {},
): Promise<PostgresServer> {
  const server = await startPostgres({ dataDir, password: testPassword, durable: false, log, ...more })
  servers.push(server)
  return server
}

function session(server: PostgresServer): Promise<SqlSession> {
  const options = { secrets: testSecrets, applicationName: 'test', signal: new AbortController().signal, log }
  return connectSql(databaseOf(server, 'postgres').connection, options)
}

async function valueIn(server: PostgresServer): Promise<unknown> {
  await using sql = await session(server)
  return (await sql.query('select string_agg(v, $1 order by v) as v from kept', [','])).rows[0]?.v
}

async function keep(server: PostgresServer, value: string): Promise<void> {
  await using sql = await session(server)
  await sql.query('create table if not exists kept (v text)')
  await sql.query('insert into kept values ($1)', [value])
}

interface Started {
  readonly port: number
  readonly pid: number
  readonly url: string
  readonly dataDir: string
  readonly uid: number
  readonly error?: { code: string; message: string }
}

const starter = fileURLToPath(new URL('../../support/start-postgres.ts', import.meta.url))
const checkout = dirname(dirname(dirname(starter)))

/** The same in a process of its own, which can be killed. */
function spawnStart(
  dataDir: string,
  more: object = {},
  as: object = {},
): { child: ChildProcess; line: Promise<Started> } {
  const words = ['--import', 'tsx', starter, JSON.stringify({ dataDir, password: testPassword, ...more })]
  const child = spawn(process.execPath, words, { cwd: checkout, stdio: ['pipe', 'pipe', 'pipe'], ...as })
  children.push(child)
  let trouble = ''
  child.stderr?.on('data', (piece) => {
    trouble += piece
  })
  const line = new Promise<Started>((resolve, reject) => {
    if (child.stdout !== null)
      createInterface(child.stdout).once('line', (text) => resolve(JSON.parse(text) as Started))
    child.once('error', reject)
    child.once('exit', (code) => reject(new Error(`the starter ended with ${code}: ${trouble.slice(-1000)}`)))
  })
  return { child, line }
}

const isRunning = async (pid: number) => (await findProcess(pid)) !== null

async function eventually(what: string, check: () => Promise<boolean>, withinMs = 15_000): Promise<void> {
  const until = Date.now() + withinMs
  while (!(await check())) {
    if (Date.now() > until) throw new Error(`not within ${withinMs} ms: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

describe('a server', () => {
  test('keeps its data, its settings and its password over a restart, and leaves no process behind', async () => {
    const dataDir = await startedBefore('restart')
    const first = await start(dataDir)
    await keep(first, 'one')
    await first.close()
    expect(await isRunning(first.pid)).toBe(false)
    await first.close()

    const second = await start(dataDir)
    expect(await valueIn(second)).toBe('one')
    await using sql = await session(second)
    const { rows } = await sql.query(
      "select string_agg(setting, ' ' order by name) as v from pg_settings where name in ('server_encoding', 'lc_collate', 'listen_addresses', 'max_connections')",
    )
    expect(rows[0]?.v).toMatch(/127\.0\.0\.1 .*200 UTF8$/)
    expect(Number((await readFile(join(second.dataDir, 'PG_VERSION'), 'utf8')).trim())).toBeGreaterThanOrEqual(12)
  })

  test('listens on loopback and nowhere else, and asks for the password', async () => {
    const server = await start(await startedBefore('loopback'))
    const others = Object.values(networkInterfaces()).flatMap((all) => all ?? [])
    for (const { address, family, internal } of others)
      if (family === 'IPv4' && !internal)
        await expect(once(connect(server.port, address), 'connect'), address).rejects.toThrow(/ECONNREFUSED/)
    const connection = { ...databaseOf(server, 'postgres').connection, password: 'env:WRONG_PASSWORD' } as const
    const options = { secrets: testSecrets, applicationName: 'test', signal: new AbortController().signal, log }
    await expect(connectSql(connection, options)).rejects.toMatchObject({ code: 'connect/wrong-credentials' })
  })

  test('with data made under another password says so at once', async () => {
    const dataDir = await startedBefore('password')
    await (await start(dataDir)).close()
    const since = Date.now()
    await expect(start(dataDir, { password: 'another-password' })).rejects.toMatchObject({
      code: 'connect/wrong-credentials',
      message: expect.not.stringContaining('another-password'),
    })
    await expect(start(dataDir, { password: 'another-password' })).rejects.toThrow(
      /data of PostgreSQL in \/.*credentials\.json/,
    )
    expect(Date.now() - since).toBeLessThan(5_000)
    expect(await valueIn(await startWith(dataDir, 'kept'))).toBe('kept')
  })

  async function startWith(dataDir: string, value: string): Promise<PostgresServer> {
    const server = await start(dataDir)
    await keep(server, value)
    return server
  }

  test('does not take a folder that holds somebody else’s files, and leaves them alone', async () => {
    const dataDir = newDataDir('foreign')
    const real = (await accountFor(dataDir, uid)).dataDir
    await mkdir(real, { recursive: true })
    await writeFile(join(real, 'thesis.txt'), 'years of work')
    await expect(start(dataDir)).rejects.toMatchObject({
      code: 'platform/misconfigured',
      message: expect.stringContaining('is not empty'),
    })
    expect(await readFile(join(real, 'thesis.txt'), 'utf8')).toBe('years of work')
  })

  test('has one home however its folder is written, and another for another folder of that name', async () => {
    const relative = await accountFor('data', 0)
    expect(relative.dataDir).toBe((await accountFor(join(process.cwd(), 'data/'), 0)).dataDir)
    expect(relative.dataDir).not.toBe((await accountFor('/elsewhere/data', 0)).dataDir)
  })

  test('that dies by itself is told of, and the next start recovers what was committed', async () => {
    const dataDir = await startedBefore('crash')
    const first = await start(dataDir, { durable: true })
    await keep(first, 'committed')
    await using busy = await session(first)
    const endless = busy.query('select pg_sleep(600)').catch((error: unknown) => error)
    process.kill(first.pid, 'SIGKILL')

    const second = await start(dataDir)
    expect(await valueIn(second)).toBe('committed')
    expect(await endless).toMatchObject({ code: 'connect/lost' })
    await eventually('the death is logged', async () => log.lines.some((line) => line.includes(`"pid":${first.pid}`)))
  })
})

describe('a parent', () => {
  test('killed with -9 takes its server with it, sessions or not, and the next start finds the data', async () => {
    const dataDir = await startedBefore('parent')
    const { child, line } = spawnStart(dataDir)
    const started = await line
    const first = { ...databaseOfStarted(started) }
    await keep(first, 'before the kill')
    await using busy = await session(first)
    const endless = busy.query('select pg_sleep(600)').catch((error: unknown) => error)
    child.kill('SIGKILL')

    const second = await start(dataDir, { port: started.port })
    expect(await valueIn(second)).toBe('before the kill')
    expect(await isRunning(started.pid)).toBe(false)
    expect(await endless).toMatchObject({ code: 'connect/lost' })
  })

  test('killed together with its guardian leaves an orphan, which the next start stops', async () => {
    const dataDir = await startedBefore('orphan')
    const { child, line } = spawnStart(dataDir)
    const started = await line
    await keep(databaseOfStarted(started), 'orphaned')
    const guardian = (await findProcess(started.pid))?.parent ?? 0
    const watchers = (await childrenOf(guardian)).filter((pid) => pid !== started.pid)
    // The watcher first: one that still lives when the guardian is gone is told so by the parent, and stops the server.
    for (const pid of [...watchers, guardian]) process.kill(pid, 'SIGKILL')
    child.kill('SIGKILL')
    await once(child, 'exit')
    expect(await isRunning(started.pid)).toBe(true)

    const second = await start(dataDir)
    expect(await isRunning(started.pid)).toBe(false)
    expect(await valueIn(second)).toBe('orphaned')
  })

  test('killed, and not yet missed by its parent, does not keep the next start from working', async () => {
    const dataDir = await startedBefore('zombie')
    const first = await start(dataDir)
    await keep(first, 'kept')
    await first.close()
    // A shell that becomes `sleep` has a child that ends, and never looks.
    const { lend } = await accountFor(dataDir, uid)
    const careless = spawn('/bin/sh', ['-c', 'sleep 0.2 & echo $!; exec sleep 2'], { ...lend, cwd: '/' })
    children.push(careless)
    const [pid] = (await once(careless.stdout, 'data')).map((text) => String(text).trim())
    const port = await findFreePort()
    const lines = [pid, first.dataDir, 1, port, '', '127.0.0.1', '', 'ready   ']
    await writeFile(join(first.dataDir, 'postmaster.pid'), `${lines.join('\n')}\n`)
    await eventually('it has ended', async () => !(await isRunning(Number(pid))))
    expect(await valueIn(await start(dataDir))).toBe('kept')
  })

  test('killed at any moment of a first start leaves nothing that keeps the next one from working', async () => {
    const dataDir = newDataDir('early')
    for (const afterMs of [400, 800]) {
      const { child, line } = spawnStart(dataDir)
      const settled = line.catch(() => null)
      await Promise.race([settled, new Promise((resolve) => setTimeout(resolve, afterMs))])
      child.kill('SIGKILL')
      await settled
    }
    await keep(await start(dataDir), 'works')
    expect(await draftsOf(dataDir)).toEqual([])
  })
})

async function draftsOf(dataDir: string): Promise<string[]> {
  const { dataDir: real } = await accountFor(dataDir, uid)
  return (await readdir(dirname(real))).filter((name) => name.startsWith(`${basename(real)}.draft-`))
}

const childrenOf = async (pid: number): Promise<number[]> => {
  const { stdout } = await promisify(execFile)('ps', ['-e', '-o', 'pid=,ppid='])
  const all = stdout
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number))
  return all.filter(([, parent]) => parent === pid).map(([own = 0]) => own)
}

function databaseOfStarted({ port, pid, url, dataDir }: Started): PostgresServer {
  return { host: '127.0.0.1', user: 'adbpg', port, pid, url, dataDir, close: async () => undefined }
}

describe('two starts on one folder', () => {
  test('of which one is up: the second is refused by name, soon, and the first goes on', async () => {
    const dataDir = await startedBefore('second')
    const first = await start(dataDir)
    const since = Date.now()
    await expect(start(dataDir)).rejects.toMatchObject({
      code: 'platform/stack-busy',
      message: expect.stringMatching(/stop the other stack first/),
      context: { pid: first.pid },
    })
    expect(Date.now() - since).toBeLessThan(5_000)
    await keep(first, 'alive')
  })

  test('at the same moment, on a folder that is new: one wins, the other is refused, nothing is lost', async () => {
    const dataDir = newDataDir('race')
    const both = [spawnStart(dataDir), spawnStart(dataDir)]
    const lines = await Promise.all(both.map(({ line }) => line))
    const refused = lines.filter((line) => line.error !== undefined)
    expect(refused.map((line) => line.error?.code)).toEqual(['platform/stack-busy'])
    expect(refused[0]?.error?.message).toMatch(/stop the other stack first/)
    const winner = lines.find((line) => line.error === undefined)
    if (winner === undefined) throw new Error('nobody won')
    await keep(databaseOfStarted(winner), 'won')
    expect(await draftsOf(dataDir)).toEqual([])
  })

  test('with one port: the one whose postgres died does not take the other for its own', async () => {
    const dataDir = await startedBefore('one-port')
    const port = await findFreePort()
    const lines = await Promise.all(
      [spawnStart(dataDir, { port }), spawnStart(dataDir, { port })].map(({ line }) => line),
    )
    expect(lines.filter((line) => line.error === undefined)).toHaveLength(1)
  })
})

describe('a port that is taken', () => {
  test('is an error that says so, and the data is free again', async () => {
    const holder = await start(await startedBefore('holder'))
    const dataDir = newDataDir('taken')
    await expect(start(dataDir, { port: holder.port })).rejects.toMatchObject({
      code: 'platform/misconfigured',
      message: expect.stringMatching(/Address already in use/),
    })
    await keep(await start(dataDir), 'free')
  })
})

const canDropRights = uid === 0 && !checkout.startsWith(homedir()) && existsSync('/proc/self/stat')

describe('an ordinary user', () => {
  test('starts it too, with the data where it was asked for', async ({ skip }) => {
    skip(!canDropRights, 'only root can start it as somebody else, from a checkout that others may read')
    const home = join(root, 'home')
    await mkdir(home)
    await chmod(root, 0o755)
    await chown(home, 65534, 65534)
    const dataDir = join(home, 'data')
    const env = { PATH: process.env.PATH, HOME: home, TMPDIR: home }
    const { line } = spawnStart(dataDir, {}, { uid: 65534, gid: 65534, env })
    const started = await line
    expect(started).toMatchObject({ uid: 65534, dataDir })
    expect((await stat(join(dataDir, 'PG_VERSION'))).uid).toBe(65534)
    await keep(databaseOfStarted(started), 'nobody')
  })

  test('is what postgres runs as when root starts it', async ({ skip }) => {
    skip(uid !== 0, 'not root')
    const server = await start(await startedBefore('as-root'))
    expect((await stat(`/proc/${server.pid}`)).uid).toBe(65534)
    expect((await stat(server.dataDir)).mode & 0o777).toBe(0o700)
    expect(existsSync(join(root, 'as-root'))).toBe(false)
  })
})
