import type { Sql } from '../ports/index.ts'
import { insertOnce } from './insert-once.ts'
import type { Place } from './runs.ts'
import { statements } from './statements.ts'

/** Its last sending found every connection of the datasource in use. @param server the capped database, as `listSlotWaits` is asked */
export function insertSlotWait(sql: Sql, place: Place, server: string, now: Date): Promise<boolean> {
  const { runId, generation, step, piece } = place
  return insertOnce(sql, statements['insert-slot-wait'], [runId, generation, step, piece, server, now])
}

/** Those that wait for a connection to one database since their last sending, which was after `after`; the oldest first. */
export async function listSlotWaits(
  sql: Sql,
  server: string,
  after: Date,
  limit: number,
): Promise<(Place & { readonly attempt: number })[]> {
  const values = [server, after, limit]
  const { rows } = await sql.query<Omit<Place, 'runId'> & { run_id: Place['runId']; attempt: number }>(
    statements['list-slot-waits'],
    values,
  )
  return rows.map(({ run_id: runId, generation, step, piece, attempt }) => ({
    runId,
    generation,
    step,
    piece,
    attempt,
  }))
}
