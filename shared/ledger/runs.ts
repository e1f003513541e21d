import type { ErrorReport } from '../errors/index.ts'
import type { JobName, JobSpec, RunId, RunKey } from '../job/index.ts'
import type { Sql } from '../ports/index.ts'
import { insertCycle, type NewCycle } from './cycles.ts'
import { insertOnce, isDuplicate } from './insert-once.ts'
import {
  type EndState,
  FailureRow,
  FinishedRow,
  type PresentState,
  RunListRow,
  RunRow,
  type TriggerFact,
} from './rows.ts'
import { insertPlan } from './slices.ts'
import { statements } from './statements.ts'

export interface NewRun {
  readonly runId: RunId
  readonly runKey: RunKey
  readonly job: JobName
  readonly spec: JobSpec
  readonly trigger: TriggerFact
  readonly requestedAt: Date
  /** null: started by a caller or a dropped file. */
  readonly cycle: NewCycle | null
}

/** Inside a transaction with what the run is made of. @throws 23505 when the run is there */
export async function insertRunWith(sql: Sql, run: Omit<NewRun, 'cycle'>): Promise<void> {
  const { runId, runKey, job, spec, trigger, requestedAt } = run
  const values = [runId, runKey, job, JSON.stringify(spec), JSON.stringify(trigger), requestedAt]
  await sql.query(statements['insert-run'], values)
}

/** @returns false when the run was there already: its trigger has been delivered before. */
export async function insertRun(sql: Sql, run: NewRun): Promise<boolean> {
  const { runId, runKey, job, spec, trigger, requestedAt, cycle } = run
  const values = [runId, runKey, job, JSON.stringify(spec), JSON.stringify(trigger), requestedAt]
  if (cycle === null) return await insertOnce(sql, statements['insert-run'], values)
  if ((await readRun(sql, runId)) !== null) return false
  try {
    await sql.transaction(async () => {
      await sql.query(statements['insert-run'], values)
      await insertCycle(sql, runId, job, cycle)
      if (cycle.policy.mode === 'dryRun') await insertDryEnd(sql, runId, requestedAt)
    })
    return true
  } catch (error) {
    if (isDuplicate(error)) return false
    throw error
  }
}

const dryRun = { what: 'nothing is moved', why: 'the schedule of the job says dryRun' }

/** Ended before it begins, so that no repair can take it for a run whose plan was lost. */
async function insertDryEnd(sql: Sql, runId: RunId, at: Date): Promise<void> {
  const plan = { epoch: 0, slices: [], staged: false, held: false, decisions: [dryRun], capabilities: null }
  await insertPlan(sql, { runId, ...plan, plannedAt: at })
  await insertFinished(sql, { runId, generation: 0, state: 'succeeded', error: null, at })
}

export async function readRun(sql: Sql, runId: RunId): Promise<RunRow | null> {
  const { rows } = await sql.query(statements['read-run'], [runId])
  return rows[0] === undefined ? null : RunRow.parse(rows[0])
}

/** What of many runs is asked for; null: whatever it is. */
export interface RunFilter {
  /** `requestedAt` of the last line of the previous page. */
  readonly before: Date
  readonly since: Date | null
  readonly job: JobName | null
  /** As a list shows it. */
  readonly state: PresentState | null
  readonly limit: number
}

/** A state is derived from several tables, so which of them comes first decides what a question costs. */
async function queryRuns(sql: Sql, { before, since, job, state, limit }: RunFilter) {
  if (state === 'running' || state === 'waiting')
    return await sql.query(statements['list-running-runs'], [before, job, limit, since, state === 'waiting'])
  if (state === null || job !== null)
    return await sql.query(statements['list-runs'], [before, job, limit, since, state])
  return await sql.query(statements['list-ended-runs'], [before, limit, since, state])
}

/**
 * Newest first; of those that ended in one way, the last to end first. Questions walk along an index and
 * stop at the limit; what is running is what is left of all, found by one pass over two tables.
 */
export async function listRuns(sql: Sql, filter: RunFilter): Promise<RunListRow[]> {
  const { rows } = await queryRuns(sql, filter)
  return rows.map((row) => RunListRow.parse(row))
}

/** Runs that have not ended, oldest first. */
export async function listOpenRuns(sql: Sql, limit: number): Promise<RunId[]> {
  const { rows } = await sql.query<{ run_id: RunId }>(statements['list-open-runs'], [limit])
  return rows.map((row) => row.run_id)
}

/** Begins the next generation of a run that ended. @returns false when somebody else has just done so */
export function insertRetry(sql: Sql, runId: RunId, generation: number, reason: string, now: Date): Promise<boolean> {
  return insertOnce(sql, statements['insert-retry'], [runId, generation, reason, now])
}

export function insertStop(sql: Sql, runId: RunId, generation: number, now: Date): Promise<boolean> {
  return insertOnce(sql, statements['insert-stop'], [runId, generation, now])
}

export interface Place {
  readonly runId: RunId
  readonly generation: number
  readonly step: Step
  readonly piece: string
}
export type Step = 'plan' | 'stage' | 'load' | 'finish'

/** The first failure of a piece is kept; a later one of the same piece says nothing new. */
export function insertFailure(sql: Sql, place: Place, error: ErrorReport, now: Date): Promise<boolean> {
  const { runId, generation, step, piece } = place
  return insertOnce(sql, statements['insert-failure'], [runId, generation, step, piece, JSON.stringify(error), now])
}

export async function readFirstFailure(sql: Sql, runId: RunId, generation: number) {
  const { rows } = await sql.query(statements['read-first-failure'], [runId, generation])
  return rows[0] === undefined ? null : FailureRow.parse(rows[0])
}

/** Why no further work should begin in this generation; null when it should. */
export async function readHalt(
  sql: Sql,
  runId: RunId,
  generation: number,
): Promise<'finished' | 'stopped' | 'failed' | null> {
  const { rows } = await sql.query<{ stops: number; failures: number; finished: number }>(statements['read-halt'], [
    runId,
    generation,
  ])
  const row = rows[0]
  if (row === undefined) return null
  if (row.finished > 0) return 'finished'
  if (row.stops > 0) return 'stopped'
  return row.failures > 0 ? 'failed' : null
}

export interface Ending {
  readonly runId: RunId
  readonly generation: number
  readonly state: EndState
  readonly error: ErrorReport | null
  readonly at: Date
}

/** Not `insertOnce`: inside finish's transaction a second ending must undo the second `postSql`. @throws 23505 as target/sql-failed */
export async function insertFinished(sql: Sql, ending: Ending): Promise<void> {
  const error = ending.error === null ? null : JSON.stringify(ending.error)
  await sql.query(statements['insert-finished'], [ending.runId, ending.generation, ending.state, error, ending.at])
}

export async function readFinished(sql: Sql, runId: RunId, generation: number): Promise<FinishedRow | null> {
  const { rows } = await sql.query(statements['read-finished'], [runId, generation])
  return rows[0] === undefined ? null : FinishedRow.parse(rows[0])
}

/** Held to the end of a loader's transaction, so that the end of a failed run can wait for rows that are on their way. */
export async function lockRunShared(sql: Sql, runId: RunId): Promise<void> {
  await sql.query(statements['lock-run-shared'], [runId])
}

export async function lockRunExclusive(sql: Sql, runId: RunId): Promise<void> {
  await sql.query(statements['lock-run-exclusive'], [runId])
}
