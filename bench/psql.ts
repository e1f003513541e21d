import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { lineitemColumns } from './lineitem.ts'

export const isInstalled = (command: string) => spawnSync(command, ['--version']).status === 0

/** One session each, all at once. @throws when one fails */
export async function psqlCopies(url: string, statements: readonly string[]): Promise<void> {
  await Promise.all(statements.map((statement) => finished('psql', [url, '-qXv', 'ON_ERROR_STOP=1', '-c', statement])))
}

export const copyFromFile = (table: string, path: string) => `\\copy ${table} from '${path}' with (format csv)`

/** pgloader 3.6 with its own choice of batches and workers. */
export async function pgloaderCsv(url: string, table: string, path: string, dir: string): Promise<void> {
  const names = lineitemColumns.map(([name]) => name).join(', ')
  const script = `load csv from '${path}' (${names}) into ${url.replace('postgres://', 'postgresql://')}
    target table ${table} (${names})
    with fields optionally enclosed by '"', fields escaped by double-quote, fields terminated by ',';`
  const file = join(dir, 'pgloader.load')
  await writeFile(file, script)
  await finished('pgloader', ['--quiet', '--root-dir', join(dir, 'pgloader'), file])
}

async function finished(command: string, args: readonly string[]): Promise<void> {
  const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe'] })
  let errors = ''
  child.stderr.setEncoding('utf8').on('data', (text) => {
    errors += text
  })
  const [status] = (await once(child, 'close')) as [number]
  if (status !== 0) throw new Error(`${command} ended with ${status}: ${errors.slice(0, 2000)}`)
}
