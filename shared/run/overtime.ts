import { TransferError } from '../errors/index.ts'
import * as ledger from '../ledger/index.ts'
import type { RunContext } from './run-context.ts'
import { failRun } from './step.ts'

const minuteMs = 60_000

/** Ends a cycle that has taken longer than its schedule allows. The time in which it waited does not count. */
export async function isOvertime(context: RunContext): Promise<boolean> {
  const { sql, run, world } = context
  const cycle = await ledger.readCycle(sql, run.runId)
  const minutes = cycle?.policy.timeoutMinutes ?? null
  if (cycle === null || minutes === null) return false
  if (world.clock.now().getTime() - cycle.begunAt.getTime() < minutes * minuteMs) return false
  if ((await ledger.listWaits(sql, run.runId)).length > 0) return false
  if ((await ledger.readHalt(sql, run.runId, run.generation)) !== null) return false
  const message = `the run has taken more than the ${minutes} minutes that its schedule allows`
  await failRun(context, { step: 'finish' }, new TransferError('run/overtime', message, { minutes }))
  return true
}
