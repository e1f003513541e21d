import type { MergeFacts } from '../../load/merge.ts'
import type { Sql } from '../../ports/index.ts'
import type { TableName } from '../../schema/index.ts'
import * as catalog from './catalog.sql.ts'
import { type FoundTable, lookUpTable } from './table-lookup.ts'

/** @throws target/table-missing */
export async function readMergeFacts(sql: Sql, name: TableName): Promise<MergeFacts> {
  return await factsOf(sql, await lookUpTable(sql, name, 'target'))
}

export async function factsOf(sql: Sql, table: FoundTable): Promise<MergeFacts> {
  const { rows: keys } = await sql.query<{ columns: string[] }>(catalog.listUniqueKeys, [table.oid])
  const { rows: checks } = await sql.query<{ definition: string; columns: string[] }>(catalog.listChecks, [table.oid])
  return {
    uniqueKeys: keys.map((key) => key.columns),
    distributedBy: await distributionOf(sql, table),
    partitionedBy: await partitionColumnsOf(sql, table),
    checks,
    columns: table.columns.map(({ name, type, nullable, identityAlways }) => ({
      name,
      type,
      nullable,
      identityAlways,
    })),
  }
}

async function distributionOf(sql: Sql, table: FoundTable): Promise<string[]> {
  const { rows: detected } = await sql.query(catalog.detectDistribution)
  if (detected.length === 0) return []
  const { rows } = await sql.query<{ name: string }>(catalog.listDistributionColumns, [table.oid])
  return rows.map((row) => row.name)
}

/** Declarative partitions of newer kernels say it in one place; the 9.4 kernel of ADBPG 6.0 has a catalog of its own. */
async function partitionColumnsOf(sql: Sql, table: FoundTable): Promise<string[]> {
  const known = await knownCatalogs(sql)
  const statement = known.has('pg_partitioned_table')
    ? catalog.listPartitionColumns
    : known.has('pg_partition')
      ? catalog.listPartitionColumnsOf6
      : null
  if (statement === null) return []
  const found = await sql.query<{ name: string }>(statement, [table.oid])
  return found.rows.map((row) => row.name)
}

export async function knownCatalogs(sql: Sql): Promise<ReadonlySet<string>> {
  const { rows } = await sql.query<{ name: string }>(catalog.listCatalogs)
  return new Set(rows.map((row) => row.name))
}
