import { TransferError } from '../../errors/index.ts'
import type { MysqlSession } from '../../ports/index.ts'
import type { ChunkClaim } from '../contract.ts'
import { quoteTableName } from './names.ts'

/**
 * What a destination remembers of chunks: a row that commits with the rows of the chunk. Of two deliveries the second waits
 * at the key and then finds the first.
 */
const table = 'adbpg_sync_chunk'

const nameIn = (database: string) => quoteTableName({ database, table })

/** @returns whether the table is there; false: this account may not make it, or not use it */
export async function ensureClaims(sql: MysqlSession, database: string): Promise<boolean> {
  try {
    await sql.run(`create table if not exists ${nameIn(database)} (
  run_id varchar(64) character set ascii not null,
  ordinal int not null,
  part int not null,
  counts text character set ascii null,
  primary key (run_id, ordinal, part)
) engine = InnoDB`)
    await sql.query(`select 1 as found from ${nameIn(database)} limit 0`)
    return true
  } catch (error) {
    if (isWithout(error)) return false
    throw error
  }
}

const isWithout = (error: unknown): error is TransferError =>
  error instanceof TransferError &&
  (error.code === 'connect/permission-denied' || error.code === 'target/table-missing')

export type Claim = 'claimed' | 'unremembered' | { readonly before: string }

/** Inside the transaction of the chunk. */
export async function claimChunk(sql: MysqlSession, database: string, chunk: ChunkClaim): Promise<Claim> {
  try {
    await sql.run(`insert into ${nameIn(database)} (run_id, ordinal, part) values (${keyOf(chunk)})`)
    return 'claimed'
  } catch (error) {
    if (isWithout(error)) return 'unremembered'
    if (!(error instanceof TransferError) || error.context.errno !== 1062) throw error
    const [found] = await sql.query(`select counts from ${nameIn(database)} where ${isChunk(chunk)}`)
    if (found?.counts != null) return { before: found.counts }
    throw new TransferError('internal/bug', 'a chunk is claimed and has no counts', {}, { cause: error })
  }
}

/** `counts` is ours: JSON of numbers and of the key of an object. */
export async function keepCounts(
  sql: MysqlSession,
  database: string,
  chunk: ChunkClaim,
  counts: string,
): Promise<void> {
  const text = Buffer.from(counts).toString('hex')
  await sql.run(`update ${nameIn(database)} set counts = x'${text}' where ${isChunk(chunk)}`)
}

export async function forgetClaims(sql: MysqlSession, database: string, runId: string): Promise<void> {
  try {
    await sql.run(`delete from ${nameIn(database)} where run_id = ${hexText(runId)}`)
  } catch (error) {
    if (!isWithout(error)) throw error
  }
}

const keyOf = ({ runId, ordinal, part }: ChunkClaim) => `${hexText(runId)}, ${Number(ordinal)}, ${Number(part)}`
/** Each column by itself: of a row constructor the server scans the whole table, and locks it (seen on MariaDB 10.11). */
const isChunk = ({ runId, ordinal, part }: ChunkClaim) =>
  `run_id = ${hexText(runId)} and ordinal = ${Number(ordinal)} and part = ${Number(part)}`

const hexText = (text: string) => `_ascii x'${Buffer.from(text).toString('hex')}'`
