import { TransferError } from '../errors/index.ts'
import * as ledger from '../ledger/index.ts'
import { sendAnew } from './dispatch.ts'
import { claimOfRetry, incrementTaken, runInTheWay } from './increment.ts'
import { repairRun } from './repair-run.ts'
import type { RunContext } from './run-context.ts'

/** No new piece begins; loads under way roll back at their next look. Repeating it changes nothing. */
export async function stopRun(context: RunContext): Promise<'stopping' | 'ended'> {
  const { sql, run, world } = context
  if ((await ledger.readFinished(sql, run.runId, run.generation)) !== null) return 'ended'
  await ledger.insertStop(sql, run.runId, run.generation, world.clock.now())
  // One that was sent before may have failed, and the lease of its repeat has grown to minutes.
  await sendAnew(context, { step: 'finish' })
  return 'stopping'
}

/** A run that reads on from a mark takes it again with the row that begins its generation, so that no other run has it. */
async function beginAgain({ sql, run, world }: RunContext, generation: number, reason: string): Promise<void> {
  const claim = await claimOfRetry(sql, run)
  const now = world.clock.now()
  if (claim === null) return void (await ledger.insertRetry(sql, run.runId, generation, reason, now))
  try {
    await sql.transaction(async () => {
      await ledger.insertWatermarkClaim(sql, claim, now)
      await ledger.insertRetry(sql, run.runId, generation, reason, now)
    })
  } catch (error) {
    if (!ledger.isDuplicate(error)) throw error
    const other = await runInTheWay(sql, run.job, run.runId)
    if (other !== null) throw incrementTaken(other)
  }
}

/**
 * Goes on with what a failed or stopped run has not done. Chunks that are in the table stay there: their ledger rows
 * belong to the run, not to a generation.
 * @throws run/not-ended; run/not-retryable when it ended well, or is a cycle that must not be run again, or has lost the
 *   rows it had collected
 */
export async function retryRun(context: RunContext): Promise<{ generation: number }> {
  const { sql, run } = context
  const ending = await ledger.readFinished(sql, run.runId, run.generation)
  if (ending === null)
    throw new TransferError('run/not-ended', `run ${run.runId} has not ended yet`, { runId: run.runId })
  if (ending.state === 'succeeded') {
    throw new TransferError('run/not-retryable', `run ${run.runId} succeeded; nothing of it is left to do`, {
      runId: run.runId,
    })
  }
  const cycle = await ledger.readCycle(sql, run.runId)
  if (cycle?.policy.rerun.allowed === 'never') {
    throw new TransferError(
      'run/not-retryable',
      `the schedule of ${run.job} forbids to run a cycle again (rerun.allowed)`,
      {
        runId: run.runId,
      },
    )
  }
  // One that is dropped in this very moment is missed by its loaders, which fail: rows are not lost in silence.
  if ((await ledger.readStaging(sql, run.runId))?.dropped) {
    const message = `the rows that run ${run.runId} had collected were dropped three days after its end`
    throw new TransferError('run/not-retryable', message, { runId: run.runId })
  }
  const generation = run.generation + 1
  await beginAgain(context, generation, `${ending.state} before`)
  await repairRun({ ...context, run: { ...run, generation } })
  return { generation }
}
