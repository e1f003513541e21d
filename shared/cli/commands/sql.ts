import type { Command } from 'commander'
import { fittedTable } from '../fit.ts'
import { findConnection } from '../local-datasources.ts'
import type { Verbs } from '../main.ts'
import { countOf } from '../output.ts'

export function addSql(program: Command, verbs: Verbs): void {
  program
    .command('sql <statement>')
    .description('run one statement on a database datasource')
    .option('--datasource <name>', 'adbpg_local, pg_local or one of datasources/', 'adbpg_local')
    .action((statement: string, options: { datasource: string }) =>
      verbs.withSession(async (session) => {
        const connection = await findConnection(session.world, options.datasource)
        await using sql = await session.world.connectSql(connection, session.deadline.signal)
        const { names, rows, rowCount } = await sql.table(statement)
        const keys = distinct(names)
        const documents = rows.map((row) => Object.fromEntries(keys.map((key, index) => [key, inJson(row[index])])))
        verbs.output.answer({ rows: documents, rowCount }, () =>
          rows.length === 0 ? countOf(rowCount, 'row') : tableOf(names, rows, verbs.output.width()),
        )
        return 0
      }),
    )
}

/** JSON has no such numbers, and would make them null. */
const inJson = (value: unknown) => (typeof value === 'number' && !Number.isFinite(value) ? String(value) : value)

/** For a document, whose members must differ: the second `n` is `n_2`. */
export function distinct(names: readonly string[]): string[] {
  const taken = new Set(names)
  const seen = new Set<string>()
  return names.map((name) => {
    let key = name
    for (let count = 2; seen.has(key) || (key !== name && taken.has(key)); count += 1) key = `${name}_${count}`
    seen.add(key)
    return key
  })
}

function tableOf(names: readonly string[], rows: readonly (readonly unknown[])[], width: number): string {
  const table = fittedTable(
    names,
    rows.map((row) => row.map(textOf)),
    width,
  )
  return `${table}\n${countOf(rows.length, 'row')}`
}

const textOf = (value: unknown) =>
  value === null
    ? 'NULL'
    : value instanceof Date
      ? value.toISOString()
      : typeof value === 'object'
        ? JSON.stringify(value)
        : String(value)
