import { quoteIdentifier } from '../../schema/index.ts'

/** Makes the databases that are not there yet. */
export async function ensureDatabases(url: string, names: readonly string[]): Promise<void> {
  const { default: pg } = await import('pg')
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    const { rows } = await client.query<{ datname: string }>('select datname from pg_catalog.pg_database')
    const known = new Set(rows.map((row) => row.datname))
    for (const name of names) if (!known.has(name)) await client.query(`create database ${quoteIdentifier(name)}`)
  } finally {
    await client.end()
  }
}
