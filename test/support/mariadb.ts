import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import type { Connection } from 'mysql2/promise'
import { findFreePort } from '../../shared/local/postgres/free-port.ts'
import type { MysqlConnection } from '../../shared/ports/index.ts'
import { eventually } from './fc.ts'
import { findMariadb, type MariadbBinaries, systemTables } from './mariadb-binaries.ts'
import { testPassword } from './postgres.ts'

export interface TestMariadb {
  /** Of an ordinary account that may do everything in the database `test`, with the password of `testSecrets`. */
  readonly connection: MysqlConnection
  /** A session of that account, through the driver itself. */
  readonly session: Connection
  /** A session that may do everything; for what an administrator does to the server. */
  readonly root: Connection
  /** It has a certificate that nobody vouches for. */
  readonly hasTls: boolean
  readonly pid: number
  close(): Promise<void>
}

/**
 * A server of its own for one test file, or why there is none: `skip(typeof server === 'string', server)`.
 * @param more options of the server, which hold where they are given twice
 */
export async function startMariadb(more: readonly string[] = []): Promise<TestMariadb | string> {
  const binaries = await findMariadb()
  return 'missing' in binaries ? binaries.missing : await startWith(binaries, more)
}

async function startWith(binaries: MariadbBinaries, more: readonly string[]): Promise<TestMariadb> {
  const dir = await mkdtemp(join(tmpdir(), 'adbpg-sync-mariadb-data-'))
  try {
    return await startIn(dir, binaries, more)
  } catch (error) {
    await rm(dir, { recursive: true, force: true })
    throw error
  }
}

async function startIn(dir: string, binaries: MariadbBinaries, more: readonly string[]): Promise<TestMariadb> {
  const data = join(dir, 'data')
  await mkdir(data)
  await mkdir(temporaryIn(data))
  await makeSystemTables(binaries, data)
  const tls = await makeCertificate(dir)
  const port = await findFreePort()
  const server = spawnGuarded(binaries, [
    ...settings(binaries, data),
    ...[`--socket=${join(dir, 'socket')}`, `--pid-file=${join(dir, 'pid')}`],
    ...[`--port=${port}`, '--bind-address=127.0.0.1', '--local-infile=1', '--max-allowed-packet=32M'],
    ...(tls === null ? [] : [`--ssl-cert=${tls.certificate}`, `--ssl-key=${tls.key}`]),
    ...more,
  ])
  const closed = once(server, 'exit')
  const { createConnection } = await import('mysql2/promise')
  const address = { host: '127.0.0.1', port, password: testPassword, multipleStatements: true, charset: 'utf8mb4' }
  const connect = (user: string, database?: string) =>
    createConnection({ ...address, user, ...(database === undefined ? {} : { database }) })
  const root = await eventually(() => connect('administrator').catch(() => null), 30_000)
  await root.query(`create database test character set utf8mb4;
    create user tester identified by '${testPassword}'; grant all on test.* to tester`)
  const session = await connect('tester', 'test')
  return {
    connection: {
      ...{ kind: 'mysql', host: '127.0.0.1', port, database: 'test', user: 'tester' },
      ...{ password: 'env:PASSWORD', ssl: 'disable', timeZone: '+00:00', zeroDates: 'convertToNull' },
    },
    session,
    root,
    hasTls: tls !== null,
    pid: Number(await readFile(join(dir, 'pid'), 'utf8')),
    async close() {
      session.destroy()
      root.destroy()
      server.stdin.end()
      await closed
      await rm(dir, { recursive: true, force: true })
    },
  }
}

/** Its own: a server that starts removes the temporary tables that it finds there, whosever they are. */
const temporaryIn = (data: string) => join(dirname(data), 'temporary')

/** What a small server for tests needs: little memory, and nothing that must survive a loss of power. */
function settings({ shareDir }: MariadbBinaries, data: string): string[] {
  return [
    ...['--no-defaults', `--datadir=${data}`, `--tmpdir=${temporaryIn(data)}`, `--lc-messages-dir=${shareDir}`],
    ...[`--character-sets-dir=${join(shareDir, 'charsets')}`, ...(process.getuid?.() === 0 ? ['--user=root'] : [])],
    ...['--innodb-buffer-pool-size=64M', '--innodb-log-file-size=16M', '--innodb-flush-log-at-trx-commit=0'],
    ...['--skip-name-resolve', '--innodb-lock-wait-timeout=20', '--innodb-use-native-aio=0'],
  ]
}

/** What `mariadb-install-db` does, without the packages it asks for. */
async function makeSystemTables(binaries: MariadbBinaries, data: string): Promise<void> {
  const { shareDir, mariadbd, environment } = binaries
  const files = [systemTables(shareDir), systemTables(shareDir).replace('.sql', '_data.sql')]
  const tables = await Promise.all(files.map((file) => readFile(file, 'utf8')))
  const account = `delete from global_priv;
flush privileges;
create user administrator identified by '${testPassword}';
grant all on *.* to administrator with grant option;\n`
  const bootstrap = spawn(mariadbd, [...settings(binaries, data), '--bootstrap'], {
    env: { ...process.env, ...environment },
    stdio: ['pipe', 'ignore', 'pipe'],
  })
  const told: string[] = []
  bootstrap.stderr.setEncoding('utf8').on('data', (text: string) => told.push(text))
  bootstrap.stdin.end(['create database mysql;', 'use mysql;', ...tables, account].join('\n'))
  const [code] = (await once(bootstrap, 'exit')) as [number | null]
  if (code !== 0) throw new Error(`MariaDB made no system tables: ${told.join('').slice(-2000)}`)
}

/** null where there is no openssl to make one. */
async function makeCertificate(dir: string): Promise<{ certificate: string; key: string } | null> {
  const [certificate, key] = [join(dir, 'certificate.pem'), join(dir, 'key.pem')]
  const kind = ['-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=localhost']
  const made = promisify(execFile)('openssl', ['req', '-x509', ...kind, '-keyout', key, '-out', certificate])
  return await made.then(
    () => ({ certificate, key }),
    () => null,
  )
}

/** A shell stops the server when our end of the pipe closes, also when this process is killed. */
function spawnGuarded({ mariadbd, environment }: MariadbBinaries, options: readonly string[]) {
  const script = '"$@" </dev/null >/dev/null 2>&1 3<&- & server=$!; cat <&3 >/dev/null; kill $server; wait $server'
  return spawn('sh', ['-c', `exec 3<&0; ${script}`, 'guard', mariadbd, ...options], {
    env: { ...process.env, ...environment },
    stdio: ['pipe', 'ignore', 'inherit'],
  })
}
