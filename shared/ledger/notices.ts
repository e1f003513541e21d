import type { ErrorReport } from '../errors/index.ts'
import type { RunId } from '../job/index.ts'
import type { Sql } from '../ports/index.ts'
import { insertOnce } from './insert-once.ts'
import { NoticeRow } from './rows.ts'
import { statements } from './statements.ts'

/** `notice` counts those of the job; a generation has notices of its own, as it ends on its own. */
export interface NoticeId {
  readonly runId: RunId
  readonly generation: number
  readonly notice: number
}

/** Inside the transaction that ends the run, so that what is due is known if and only if the run has ended. */
export async function insertNoticeDue(sql: Sql, id: NoticeId, now: Date): Promise<void> {
  await sql.query(statements['insert-notice-due'], [id.runId, id.generation, id.notice, now])
}

/** @returns false when this attempt was recorded before, by somebody else */
export function insertNoticeFailed(
  sql: Sql,
  id: NoticeId,
  attempt: number,
  error: ErrorReport,
  now: Date,
): Promise<boolean> {
  const values = [id.runId, id.generation, id.notice, attempt, JSON.stringify(error), now]
  return insertOnce(sql, statements['insert-notice-failed'], values)
}

export type NoticeOutcome = 'delivered' | 'undeliverable'

export function insertNoticeSettled(sql: Sql, id: NoticeId, outcome: NoticeOutcome, now: Date): Promise<boolean> {
  return insertOnce(sql, statements['insert-notice-settled'], [id.runId, id.generation, id.notice, outcome, now])
}

export async function listNotices(sql: Sql, runId: RunId, generation: number): Promise<NoticeRow[]> {
  const { rows } = await sql.query(statements['list-notices'], [runId, generation])
  return rows.map((row) => NoticeRow.parse(row))
}

/** Runs that have ended since `after` and whose notices are not all settled. */
export async function listRunsWithNotices(sql: Sql, after: Date, limit: number): Promise<RunId[]> {
  const { rows } = await sql.query<{ run_id: RunId }>(statements['list-runs-with-notices'], [after, limit])
  return rows.map((row) => row.run_id)
}
