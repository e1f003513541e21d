import type { Sql } from '../ports/index.ts'
import { insertOnce } from './insert-once.ts'
import type { Place } from './runs.ts'
import { statements } from './statements.ts'

export interface Dispatch {
  readonly attempt: number
  readonly at: Date
  /** Sendings of this piece that found every connection of a datasource in use. */
  readonly waits: number
}

export async function readLastDispatch(sql: Sql, place: Place): Promise<Dispatch | null> {
  const values = [place.runId, place.generation, place.step, place.piece]
  const { rows } = await sql.query<{ attempt: number; at: Date; waits: number }>(
    statements['read-last-dispatch'],
    values,
  )
  return rows[0] ?? null
}

/** @returns false when this attempt has been sent before */
export function insertDispatch(sql: Sql, place: Place, attempt: number, now: Date): Promise<boolean> {
  const { runId, generation, step, piece } = place
  return insertOnce(sql, statements['insert-dispatch'], [runId, generation, step, piece, attempt, now])
}
