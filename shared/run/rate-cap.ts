import { setTimeout as sleep } from 'node:timers/promises'
import { paced, type Rate } from '../codecs/pace.ts'
import type { Body } from '../connectors/contract.ts'
import * as ledger from '../ledger/index.ts'
import type { RunContext } from './run-context.ts'

/**
 * What one function may take of the run's caps: an equal share for each that may be under way at the same time, so that
 * nobody has to be asked. null: there is no cap.
 * @param lanes pieces of its kind that may be under way
 */
function shareOf({ run }: RunContext, lanes: number): Rate | null {
  const { bytesPerSecond, recordsPerSecond } = run.spec.settings
  if (bytesPerSecond === null && recordsPerSecond === null) return null
  const part = (cap: number | null) => (cap === null ? null : cap / lanes)
  return { bytesPerSecond: part(bytesPerSecond), recordsPerSecond: part(recordsPerSecond) }
}

/**
 * The body no faster than this function may. A run of few pieces has fewer lanes than `concurrent`; how many chunks will be
 * staged is known too late, so their loaders always share among `concurrent`.
 */
export async function capped(context: RunContext, step: 'stage' | 'load', body: Body): Promise<Body> {
  const { run, sql, deadline } = context
  const { concurrent } = run.spec.settings
  if (shareOf(context, 1) === null) return body
  const plan = await ledger.readPlan(sql, run.runId)
  const pieces = plan === null || (step === 'load' && plan.staged) ? concurrent : plan.slices
  const rate = shareOf(context, Math.max(1, Math.min(concurrent, pieces)))
  if (rate === null) return body
  const clock = {
    nowMs: () => performance.now(),
    wait: (ms: number) => sleep(ms, undefined, { signal: deadline.signal }),
  }
  return { ...body, body: paced(body, rate, clock) }
}
