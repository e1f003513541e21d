import Table from 'cli-table3'
import type { Command } from 'commander'
import { findConnection } from '../local-datasources.ts'
import type { Verbs } from '../main.ts'

export function addSql(program: Command, verbs: Verbs): void {
  program
    .command('sql <statement>')
    .description('run one statement on a database datasource')
    .option('--datasource <name>', 'adbpg_local, pg_local or one of datasources/', 'adbpg_local')
    .action((statement: string, options: { datasource: string }) =>
      verbs.withSession(async (session) => {
        const connection = await findConnection(session.world, options.datasource)
        await using sql = await session.world.connectSql(connection, session.deadline.signal)
        const { rows, rowCount } = await sql.query<Record<string, unknown>>(statement)
        verbs.output.answer({ rows, rowCount }, () => (rows.length === 0 ? `${rowCount} rows` : tableOf(rows)))
        return 0
      }),
    )
}

function tableOf(rows: readonly Record<string, unknown>[]): string {
  const names = Object.keys(rows[0] ?? {})
  const table = new Table({ head: names, style: { head: [], border: [] } })
  for (const row of rows) table.push(names.map((name) => textOf(row[name])))
  return `${table.toString()}\n${rows.length} rows`
}

const textOf = (value: unknown) =>
  value === null
    ? 'NULL'
    : value instanceof Date
      ? value.toISOString()
      : typeof value === 'object'
        ? JSON.stringify(value)
        : String(value)
