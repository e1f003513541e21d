import type { JobName, RunId } from '../job/index.ts'
import type { Sql } from '../ports/index.ts'
import type { Place } from './runs.ts'
import { statements } from './statements.ts'

/*
 * A session-level advisory lock says that somebody works on a piece: the server drops it with the connection, however the
 * process died. It only spares work; where a proxy makes it useless, a piece may be done twice and the ledger counts it once.
 */

const pieceKey = (place: Place) => `${place.step} ${place.piece}`

/** For as long as this session lives. */
export async function markAlive(sql: Sql, place: Place): Promise<void> {
  await sql.query(statements['mark-piece-alive'], [place.runId, pieceKey(place)])
}

export async function isAlive(sql: Sql, place: Place): Promise<boolean> {
  const free = await tryLock(sql, place.runId, pieceKey(place))
  if (free) await sql.query(statements['unlock-piece'], [place.runId, pieceKey(place)])
  return !free
}

/** The right to keep the snapshot of a run, for as long as this session lives. @returns false when another session has it */
export async function becomeHolder(sql: Sql, runId: RunId): Promise<boolean> {
  return await tryLock(sql, runId, 'snapshot holder')
}

/** The right to send the notices of a run: of two deliveries of `finish` at once, one sends. */
export async function becomeSender(sql: Sql, runId: RunId): Promise<boolean> {
  return await tryLock(sql, runId, 'notices')
}

/** The right to wait for more arrivals of a job, for as long as this session lives or until it resigns: one is enough. */
export async function becomeLeader(sql: Sql, job: JobName): Promise<boolean> {
  return await tryLock(sql, job, 'arrivals')
}

export async function resignLeader(sql: Sql, job: JobName): Promise<void> {
  await sql.query(statements['unlock-piece'], [job, 'arrivals'])
}

async function tryLock(sql: Sql, runId: RunId | JobName, key: string): Promise<boolean> {
  const { rows } = await sql.query<{ free: boolean }>(statements['try-lock-piece'], [runId, key])
  return rows[0]?.free ?? false
}
