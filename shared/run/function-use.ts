import { asTransferError } from '../errors/index.ts'
import * as ledger from '../ledger/index.ts'
import type { RunContext } from './run-context.ts'

/**
 * Told at the end of an invocation, whatever came of it: failed ones are paid for too. What it cost is no reason to fail, and
 * a session that broke with the step keeps nothing.
 */
export async function keepFunctionUse({ world, sql, run, log }: RunContext, step: ledger.Step): Promise<void> {
  if (world.invocation === null) return
  const { requestId, vcpu, memoryMb, spent } = world.invocation
  try {
    await ledger.insertFunctionUse(sql, run.runId, { requestId, step, vcpu, memoryMb, ...spent() }, world.clock.now())
  } catch (thrown) {
    log.warn('the ledger did not take what the function used', { error: asTransferError(thrown).report() })
  }
}
