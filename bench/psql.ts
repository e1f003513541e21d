import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { finished, type Words } from './command.ts'
import { lineitemColumns } from './lineitem.ts'

/** The words of one session that runs one statement. */
export const psqlWords = (url: string, statement: string): Words => [
  'psql',
  url,
  '-qXv',
  'ON_ERROR_STOP=1',
  '-c',
  statement,
]

/** One session each, all at once. @throws when one fails */
export async function psqlCopies(url: string, statements: readonly string[]): Promise<void> {
  await Promise.all(statements.map((statement) => finished(psqlWords(url, statement))))
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
  await finished(['pgloader', '--quiet', '--root-dir', join(dir, 'pgloader'), file])
}
