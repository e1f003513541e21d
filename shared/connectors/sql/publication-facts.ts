import { TransferError } from '../../errors/index.ts'
import type { Overwrite, PublicationFacts } from '../../load/publication.ts'
import type { Sql } from '../../ports/index.ts'
import type { TableName } from '../../schema/index.ts'
import * as catalog from './catalog.sql.ts'
import { factsOf, knownCatalogs } from './merge-facts.ts'
import { type FoundTable, lookUpTable, oidsBelow } from './table-lookup.ts'
import { parseIdentifier, printTable } from './table-name.ts'

/** Of the table, or of the partition that is overwritten. @throws target/table-missing, job/unsupported */
export async function readPublicationFacts(
  sql: Sql,
  name: TableName,
  overwrite: Overwrite | null,
): Promise<PublicationFacts> {
  const table = await lookUpTable(sql, name, 'target')
  if (overwrite !== null) refuseUnlessTable(table)
  const facts = await factsOf(sql, table)
  if (overwrite?.of !== 'partition') return { ...facts, place: name, bounds: null }
  const place = await findPartition(sql, table, overwrite.name)
  const own = await factsOf(sql, await lookUpTable(sql, place, 'target'))
  const partitionedBy = [...new Set([...facts.partitionedBy, ...own.partitionedBy])]
  return { ...own, partitionedBy, place, bounds: await boundsOf(sql, place.oid) }
}

const kinds: Readonly<Record<string, string>> = { v: 'a view', m: 'a materialized view', f: 'a foreign table' }

function refuseUnlessTable(table: FoundTable): void {
  const kind = kinds[table.kind]
  if (kind === undefined) return
  const message = `${printTable(table)} is ${kind}, whose rows cannot be replaced under a lock; overwrite needs a table`
  throw new TransferError('job/unsupported', message, { parameter: 'overwrite' })
}

interface Partition extends TableName {
  readonly oid: string
  readonly schema: string
  /** Names a script may use for it. */
  readonly names: readonly string[]
}

async function findPartition(sql: Sql, table: FoundTable, written: string): Promise<Partition> {
  const partitions = await listPartitions(sql, table)
  const wanted = [parseIdentifier(written, true), parseIdentifier(written, false)]
  const found = partitions.filter(({ names }) => names.some((name) => wanted.includes(name)))
  const [only] = found
  if (only !== undefined && found.length === 1) return only
  const there = partitions.slice(0, 30).map(({ names: [first] }) => first)
  const more = partitions.length > there.length ? ', …' : ''
  const counted = found.length > 1 ? `${found.length} partitions are called` : 'no partition is called'
  const message = `${counted} ${written}; ${printTable(table)} has ${there.join(', ') || 'none'}${more}`
  throw new TransferError('job/unsupported', message, { parameter: 'overwrite', partition: written })
}

/**
 * A partition is called by its table (PostgreSQL 12 and what stands on it), with or without the schema, by the end of
 * that name that Greenplum 7 gives it (`orders_1_prt_p2026`), or by the name Greenplum 6 keeps in a catalog of its own.
 */
async function listPartitions(sql: Sql, table: FoundTable): Promise<Partition[]> {
  const known = await knownCatalogs(sql)
  const isOf6 = known.has('pg_partition')
  const named = isOf6
    ? (await sql.query<{ name: string | null; oid: string }>(catalog.listPartitionsOf6, [table.oid])).rows
    : []
  const oids = isOf6 || table.kind === 'p' ? await oidsBelow(sql, table.oid) : []
  const { rows } = await sql.query<{ oid: string; schema: string; table: string }>(catalog.listPartitionTables, [oids])
  const short = new RegExp(`^${table.table.replaceAll(/[^A-Za-z0-9_]/g, String.raw`\$&`)}_1_prt_(.+)$`)
  return rows.map((row) => {
    const own = named.filter(({ oid, name }) => oid === row.oid && name !== null).map(({ name }) => name ?? '')
    const end = short.exec(row.table)?.[1]
    return { ...row, names: [...own, row.table, printTable(row), ...(end === undefined ? [] : [end])] }
  })
}

/** The 9.4 kernel of Greenplum 6 keeps them as checks of the partition, which are facts of it already. */
async function boundsOf(sql: Sql, oid: string): Promise<string | null> {
  if (!(await knownCatalogs(sql)).has('pg_partitioned_table')) return null
  const { rows } = await sql.query<{ bounds: string | null }>(catalog.readPartitionBounds, [oid])
  return rows[0]?.bounds ?? null
}
