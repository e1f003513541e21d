import * as z from 'zod'
import { JobName, RunId, SchedulePolicy } from '../job/index.ts'
import type { Sql } from '../ports/index.ts'
import { insertOnce } from './insert-once.ts'
import { json, type PresentState, RunState } from './rows.ts'
import { statements } from './statements.ts'

/** What a run waits for before it is planned. */
export const Wait = z.discriminatedUnion('for', [
  /** The run of another job for this time has succeeded. */
  z.object({ for: z.literal('cycle'), job: JobName, at: z.string() }),
  /** The last cycle of this job that is older has succeeded, if there is one. */
  z.object({ for: z.literal('previous') }),
  /** A run of the same backfill has succeeded. */
  z.object({ for: z.literal('run'), runId: RunId, businessDate: z.string() }),
])
export type Wait = z.infer<typeof Wait>

/** The same text for the same condition, as the end of a run looks for it. */
function textOf(wait: Wait): string {
  switch (wait.for) {
    case 'cycle':
      return JSON.stringify({ for: wait.for, job: wait.job, at: wait.at })
    case 'previous':
      return JSON.stringify({ for: wait.for })
    case 'run':
      return JSON.stringify({ for: wait.for, runId: wait.runId, businessDate: wait.businessDate })
  }
}

export interface NewCycle {
  readonly scheduledAt: Date
  /** yyyymmdd */
  readonly businessDate: string
  readonly policy: SchedulePolicy
  readonly waits: readonly Wait[]
}

/** Inside the transaction that inserts the run. */
export async function insertCycle(sql: Sql, runId: RunId, job: JobName, cycle: NewCycle): Promise<void> {
  const { scheduledAt, businessDate, policy, waits } = cycle
  const { rerun, priority } = policy
  const times = rerun.allowed === 'never' ? 0 : rerun.times
  const values = [runId, job, scheduledAt, businessDate, priority, times, rerun.intervalSeconds, JSON.stringify(policy)]
  await sql.query(statements['insert-cycle'], values)
  if (waits.length === 0) return
  await sql.query(statements['insert-waits'], [runId, [...waits.keys()], waits.map(textOf)])
}

const CycleRow = z
  .object({
    job: JobName,
    scheduled_at: z.date(),
    business_date: z.string(),
    policy: json(SchedulePolicy),
    begun_at: z.date(),
  })
  .transform((row) => ({
    job: row.job,
    scheduledAt: row.scheduled_at,
    businessDate: row.business_date,
    policy: row.policy,
    /** When its present generation could begin: released, asked for, or gone on with. */
    begunAt: row.begun_at,
  }))
export type CycleRow = z.infer<typeof CycleRow>

/** null: the run was started by a caller or a dropped file. */
export async function readCycle(sql: Sql, runId: RunId): Promise<CycleRow | null> {
  const { rows } = await sql.query(statements['read-cycle'], [runId])
  return rows[0] === undefined ? null : CycleRow.parse(rows[0])
}

/** Empty: nothing was ever waited for, or the run has been released. */
export async function listWaits(sql: Sql, runId: RunId): Promise<Wait[]> {
  const { rows } = await sql.query<{ condition: string }>(statements['list-waits'], [runId])
  return rows.map((row) => json(Wait).parse(row.condition))
}

export function insertReleased(sql: Sql, runId: RunId, now: Date): Promise<boolean> {
  return insertOnce(sql, statements['insert-released'], [runId, now])
}

/** Runs that wait, in the order in which they should begin. */
export async function listWaitingRuns(sql: Sql, limit: number): Promise<RunId[]> {
  const { rows } = await sql.query<{ run_id: RunId }>(statements['list-waiting-runs'], [limit])
  return rows.map((row) => row.run_id)
}

/** Runs that wait for the success of this one, in the order in which they should begin; they may wait for others too. */
export async function listWaitingFor(sql: Sql, runId: RunId, cycle: CycleRow, limit: number): Promise<RunId[]> {
  const { job, scheduledAt, businessDate } = cycle
  const conditions = [
    textOf({ for: 'cycle', job, at: scheduledAt.toISOString() }),
    textOf({ for: 'run', runId, businessDate }),
  ]
  const values = [conditions, job, scheduledAt, textOf({ for: 'previous' }), limit]
  const { rows } = await sql.query<{ run_id: RunId }>(statements['list-waiting-for'], values)
  return rows.map((row) => row.run_id)
}

/** `open`: there are runs for this time, by schedule or backfill, and none of them has succeeded. */
export async function readCycleState(sql: Sql, job: JobName, at: Date): Promise<'none' | 'open' | 'succeeded'> {
  const { rows } = await sql.query<{ runs: number; succeeded: number }>(statements['count-cycle-runs'], [job, at])
  const { runs = 0, succeeded = 0 } = rows[0] ?? {}
  if (runs === 0) return 'none'
  return succeeded > 0 ? 'succeeded' : 'open'
}

/** The time of the last cycle of the job before `before`; null when there is none. */
export async function readPreviousCycle(sql: Sql, job: JobName, before: Date): Promise<Date | null> {
  const { rows } = await sql.query<{ scheduled_at: Date | null }>(statements['read-previous-cycle'], [job, before])
  return rows[0]?.scheduled_at ?? null
}

/** Cycles that failed since `since` and are to be gone on with by `now`. */
export async function listReruns(sql: Sql, since: Date, now: Date, limit: number): Promise<RunId[]> {
  const { rows } = await sql.query<{ run_id: RunId }>(statements['list-reruns'], [since, now, limit])
  return rows.map((row) => row.run_id)
}

const RunStateRow = z
  .object({ run_id: RunId, state: RunState.nullable(), waiting: z.boolean() })
  .transform((row): [RunId, PresentState] => [row.run_id, row.state ?? (row.waiting ? 'waiting' : 'running')])

export async function readRunStates(sql: Sql, runIds: readonly RunId[]): Promise<ReadonlyMap<RunId, PresentState>> {
  const { rows } = await sql.query(statements['list-run-states'], [runIds])
  return new Map(rows.map((row) => RunStateRow.parse(row)))
}
