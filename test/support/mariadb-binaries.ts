import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** Where the programs of one installation lie. */
export interface MariadbBinaries {
  readonly mariadbd: string
  /** The folder with the messages and the SQL that makes the system tables. */
  readonly shareDir: string
  /** For a copy that is not installed: its libraries. */
  readonly environment: Readonly<Record<string, string>>
}

/** The server, the SQL of its system tables, and libraries that a small Debian does not have. */
const serverPackages = ['mariadb-server-core', 'mariadb-server', 'libaio1', 'liburing2', 'libnuma1', 'libpcre2-8-0']
const clientPackages = ['mariadb-client-core', 'libmariadb3', 'libedit2', 'libncurses6', 'libtinfo6']

/**
 * An installed MariaDB, or else one from Debian's packages, unpacked into a folder of this user: no rights and no
 * installation are needed, only apt with its lists. @returns the reason where there is none
 */
export async function findMariadb(): Promise<MariadbBinaries | { readonly missing: string }> {
  const installed = await whereInstalled()
  if (installed !== null) return installed
  return await fromDebian('mariadb', serverPackages, async (dir) => {
    const unpacked = await unpackedAt(dir, 'usr/sbin/mariadbd')
    const { program: mariadbd, environment } = unpacked
    return { mariadbd, shareDir: join(dir, 'usr/share/mysql'), environment }
  })
}

/** A client of the command line, in the same way. It is `mariadb` or, of MySQL, `mysql`. */
export async function findMysqlClient(): Promise<Unpacked | { readonly missing: string }> {
  const folders = (process.env.PATH ?? '').split(':')
  const files = ['mariadb', 'mysql'].flatMap((name) => folders.map((folder) => join(folder, name)))
  const program = files.find((file) => existsSync(file))
  if (program !== undefined) return { program, environment: {} }
  return await fromDebian('mariadb-client', clientPackages, (dir) => unpackedAt(dir, 'usr/bin/mariadb'))
}

async function fromDebian<Found>(
  name: string,
  packages: readonly string[],
  find: (dir: string) => Promise<Found>,
): Promise<Found | { readonly missing: string }> {
  const dir = join(tmpdir(), `adbpg-sync-${name}-${process.getuid?.() ?? 0}`)
  try {
    if (!existsSync(dir)) await download(dir, packages)
    return await find(dir)
  } catch (error) {
    const reason = error instanceof Error ? error.message.split('\n').slice(0, 3).join(' ') : String(error)
    return { missing: `no ${name} is installed, and Debian's packages could not be had: ${reason}` }
  }
}

async function whereInstalled(): Promise<MariadbBinaries | null> {
  const folders = [...(process.env.PATH ?? '').split(':'), '/usr/sbin', '/usr/libexec']
  const mariadbd = folders.map((folder) => join(folder, 'mariadbd')).find((file) => existsSync(file))
  const shareDir = ['/usr/share/mysql', '/usr/share/mariadb'].find((folder) => existsSync(systemTables(folder)))
  return mariadbd === undefined || shareDir === undefined ? null : { mariadbd, shareDir, environment: {} }
}

export const systemTables = (shareDir: string) => join(shareDir, 'mysql_system_tables.sql')

/** Under a name of its own first: of two files that begin at once, the second drops its copy. */
async function download(dir: string, packages: readonly string[]): Promise<void> {
  const draft = await mkdtemp(`${dir}-`)
  const debs = join(draft, 'debs')
  await mkdir(debs)
  try {
    await downloadInto(debs, join(draft, 'apt'), packages)
    for (const deb of await readdir(debs)) await run('dpkg', ['-x', join(debs, deb), draft])
    for (const folder of [debs, join(draft, 'apt')]) await rm(folder, { recursive: true, force: true })
    await rename(draft, dir)
  } catch (error) {
    await rm(draft, { recursive: true, force: true })
    if (!existsSync(dir)) throw error
  }
}

/** A fresh machine has no lists of packages; an ordinary user gets them into a folder of its own. */
async function downloadInto(debs: string, state: string, packages: readonly string[]): Promise<void> {
  const apt = (...words: readonly string[]) =>
    run('apt-get', ['-o', 'Acquire::http::Timeout=15', ...words], { cwd: debs, timeout: 60_000 })
  const download = (options: readonly string[]) => apt(...options, 'download', ...packages)
  try {
    await download([])
  } catch {
    for (const folder of ['lists/partial', 'cache/archives/partial'])
      await mkdir(join(state, folder), { recursive: true })
    const own = [`Dir::State::lists=${state}/lists`, `Dir::Cache=${state}/cache`, 'APT::Sandbox::User=']
    const options = own.flatMap((option) => ['-o', option])
    await apt(...options, 'update')
    await download(options)
  }
}

interface Unpacked {
  readonly program: string
  /** Where its libraries are. */
  readonly environment: Readonly<Record<string, string>>
}

async function unpackedAt(dir: string, path: string): Promise<Unpacked> {
  const libraries: string[] = []
  for (const folder of [join(dir, 'usr/lib'), join(dir, 'lib')]) {
    const names = existsSync(folder) ? await readdir(folder) : []
    libraries.push(...names.filter((name) => name.includes('-linux-')).map((name) => join(folder, name)))
  }
  const program = join(dir, path)
  const environment = { LD_LIBRARY_PATH: libraries.join(':') }
  await run(program, ['--no-defaults', '--version'], { env: { ...process.env, ...environment } })
  return { program, environment }
}
