import { defaultCsv } from '../../codecs/encoding.ts'
import { copyToStatement } from '../../load/copy-statement.ts'
import type { Sql } from '../../ports/index.ts'
import type { Column } from '../../schema/index.ts'

/**
 * The columns of any query, without running it: names from the header of an empty COPY, types from a join that finds
 * nothing. Expressions may be null whatever their table says, and have no length.
 */
export async function describeQuery(sql: Sql, query: string): Promise<Column[]> {
  const names = await readNames(sql, query)
  const types = await readTypes(sql, query, names.length)
  return names.map((name, index) => ({ name, type: types[index] ?? 'text', nullable: true }))
}

async function readNames(sql: Sql, query: string): Promise<string[]> {
  const statement = copyToStatement(`select * from (\n${query}\n) as described limit 0`, defaultCsv)
  const pieces: Uint8Array[] = []
  for await (const piece of sql.copyOut(statement.replace('(format csv', '(header, format csv'))) pieces.push(piece)
  return parseHeader(Buffer.concat(pieces).toString('utf8'))
}

/** One CSV record as the server writes it: quotes are doubled, and stand only around whole fields. */
function parseHeader(text: string): string[] {
  const line = text.replace(/\r?\n$/, '')
  const fields = line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)
  return [...fields].map(([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain ?? '')
}

async function readTypes(sql: Sql, query: string, count: number): Promise<(string | undefined)[]> {
  const aliases = [...Array(count).keys()].map((index) => `c${index}`)
  const list = aliases.map((alias) => `pg_typeof(described.${alias})::text as ${alias}`).join(', ')
  const { rows } = await sql.query<Record<string, string>>(
    `select ${list} from (select 1) as one left join (\n${query}\n) as described (${aliases.join(', ')}) on false`,
  )
  // An untyped literal is `unknown` to the 9.4 kernel.
  return aliases.map((alias) => (rows[0]?.[alias] === 'unknown' ? 'text' : rows[0]?.[alias]))
}
