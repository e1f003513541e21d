import { TransferError } from '../errors/index.ts'
import * as ledger from '../ledger/index.ts'
import type { Log, PostgresConnection, Sql } from '../ports/index.ts'
import type { StepEvent } from './events.ts'
import type { Deadline, World } from './world.ts'

/** A run, opened: its row, a session on its ledger, and who asks. */
export interface RunContext {
  readonly world: World
  readonly sql: Sql
  readonly address: PostgresConnection
  readonly run: ledger.RunRow
  readonly log: Log
  readonly deadline: Deadline
}

/** @throws run/unknown */
export async function openRun(
  world: World,
  sql: Sql,
  at: { address: PostgresConnection; runId: ledger.RunRow['runId'] },
  deadline: Deadline,
): Promise<RunContext> {
  const run = await ledger.readRun(sql, at.runId)
  if (run === null) throw new TransferError('run/unknown', `no run ${at.runId} in this ledger`, { runId: at.runId })
  return { world, sql, address: at.address, run, log: world.log.child({ runId: run.runId, job: run.job }), deadline }
}

/** The event belongs to a generation that `retry` has left behind, or to a run that has ended or is about to. */
export async function isOver(context: RunContext, event: StepEvent): Promise<boolean> {
  if (event.generation !== context.run.generation) return true
  return (await ledger.readHalt(context.sql, context.run.runId, context.run.generation)) !== null
}

/**
 * Looked at under the shared lock of the run, so that an ended run never gains a row (see `end` in finish-run.ts).
 * @throws run/stopped
 */
export async function refuseIfOver({ sql, run }: RunContext): Promise<void> {
  const halt = await ledger.readHalt(sql, run.runId, run.generation)
  if (halt !== null) throw new TransferError('run/stopped', `the run is ${halt}; this chunk was rolled back`)
}
