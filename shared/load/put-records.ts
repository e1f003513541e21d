import type { CopyEncoding } from '../codecs/encoding.ts'
import type { Sql } from '../ports/index.ts'
import type { TableName } from '../schema/index.ts'
import { copyFromStatement } from './copy-statement.ts'
import type { MergePlan } from './merge.ts'

export interface PutCounts {
  /** Rows that COPY took: one for each record. */
  readonly copied: number
  /** Records that are in the table now; the others met a row that stays, or a later record of their key. */
  readonly loaded: number
}

/** Brings bytes of whole records into the table, inside the transaction of a chunk. All of them or, on an error, none. */
export type PutRecords = (body: AsyncIterable<Uint8Array>, signal?: AbortSignal) => Promise<PutCounts>

export function appendRecords(
  sql: Sql,
  table: TableName,
  columns: readonly string[],
  encoding: CopyEncoding,
): PutRecords {
  const statement = copyFromStatement(table, columns, encoding)
  return async (body, signal) => {
    const { rows } = await sql.copyIn(statement, body, signal)
    return { copied: rows, loaded: rows }
  }
}

/** Through a temporary table, made now, within the transaction of the chunk. */
export async function mergeRecords(
  sql: Sql,
  plan: MergePlan,
  columns: readonly string[],
  encoding: CopyEncoding,
): Promise<PutRecords> {
  const statement = copyFromStatement(plan.staging, columns, encoding)
  await sql.query(plan.create)
  let isUsed = false
  return async (body, signal) => {
    if (isUsed) await sql.query(plan.empty)
    isUsed = true
    const { rows } = await sql.copyIn(statement, body, signal)
    // Not before: COPY takes most of the time, and others may write meanwhile.
    if (plan.lock !== null) await sql.query(plan.lock)
    let loaded = 0
    for (const merge of plan.merge) loaded += (await sql.query(merge)).rowCount
    return { copied: rows, loaded: plan.count === null ? loaded : await countIn(sql, plan.count) }
  }
}

async function countIn(sql: Sql, statement: string): Promise<number> {
  const { rows } = await sql.query<{ records: number }>(statement)
  return rows[0]?.records ?? 0
}
