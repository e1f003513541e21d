import type { Sql } from '../ports/index.ts'
import { insertOnce } from './insert-once.ts'
import { Count } from './rows.ts'
import type { Place } from './runs.ts'
import { statements } from './statements.ts'

/** Outside of the transaction that the records belong to, or nobody sees it in time. */
export async function insertDirtySeen(sql: Sql, place: Place, records: number, now: Date): Promise<void> {
  const { runId, generation, piece } = place
  await insertOnce(sql, statements['insert-dirty-seen'], [runId, generation, piece, records, now])
}

/** Dirty records that all other pieces of the run have met so far, whether they have ended or not. */
export async function countDirtyElsewhere(sql: Sql, { runId, generation, piece }: Place): Promise<number> {
  const { rows } = await sql.query<{ records: string }>(statements['count-dirty-elsewhere'], [runId, generation, piece])
  return Count.parse(rows[0]?.records ?? '0')
}
