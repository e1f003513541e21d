import * as z from 'zod'
import type { ErrorReport } from '../errors/index.ts'
import type { RunId } from '../job/index.ts'
import type { Sql } from '../ports/index.ts'
import { insertOnce } from './insert-once.ts'
import { ErrorReportRow, json } from './rows.ts'
import type { Place } from './runs.ts'
import { statements } from './statements.ts'

const TroubleRow = z.object({
  step: z.enum(['plan', 'stage', 'load', 'finish']),
  piece: z.string(),
  error: json(ErrorReportRow),
  at: z.date(),
})

/** Why an attempt failed that will be repeated. */
export type Trouble = z.infer<typeof TroubleRow>

export function insertTrouble(sql: Sql, place: Place, error: ErrorReport, now: Date): Promise<boolean> {
  const { runId, generation, step, piece } = place
  return insertOnce(sql, statements['insert-trouble'], [runId, generation, step, piece, JSON.stringify(error), now])
}

/** The last of a generation, whatever piece it was. */
export async function readLastTrouble(sql: Sql, runId: RunId, generation: number): Promise<Trouble | null> {
  const { rows } = await sql.query(statements['read-last-trouble'], [runId, generation])
  return rows[0] === undefined ? null : TroubleRow.parse(rows[0])
}
