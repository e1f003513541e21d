import { TransferError } from '../errors/index.ts'
import * as ledger from '../ledger/index.ts'
import { percentText } from '../plan/dirty-allowance.ts'
import { limitExceeded } from './dirty-limit.ts'
import type { RunContext } from './run-context.ts'

/**
 * Promise 3: read = loaded + dirty + filtered for the run, and what was planned or staged was read.
 * @throws run/counts-differ
 */
export async function reconcile({ sql, run }: RunContext): Promise<void> {
  const done = await ledger.countChunksDone(sql, run.runId)
  const planned = await ledger.countChunks(sql, run.runId)
  const sum = done.loaded + done.dirty + done.filtered
  if (done.read !== sum) refuse(`${done.read} records read, ${sum} loaded, dirty or filtered`, { read: done.read, sum })
  const { records: setAside } = await ledger.countSetAside(sql, run.runId)
  const expected = planned.records - setAside
  if (planned.uncounted === 0 && expected !== done.read) {
    refuse(`${expected} records planned, ${done.read} read`, { planned: expected, read: done.read })
  }
}

function refuse(message: string, context: Record<string, number>): never {
  throw new TransferError('run/counts-differ', message, context)
}

/** Rows of an export are in its slices, which have no chunks. */
async function recordsExported({ sql, run }: Pick<RunContext, 'sql' | 'run'>): Promise<number> {
  const plan = await ledger.readPlan(sql, run.runId)
  if (plan === null || !plan.staged || (await ledger.countChunks(sql, run.runId)).chunks > 0) return 0
  return (await ledger.countSlicesDone(sql, run.runId, plan.epoch)).records
}

/** The last word on `errorLimit`: loaders check the count while the run goes on, the share is known only now. */
export async function checkErrorLimit({ sql, run }: RunContext): Promise<void> {
  // Of a run that several objects share, each has been held to the limit by itself.
  if (run.trigger.type === 'objects') return
  const { record, percentage } = run.spec.settings.errorLimit
  const done = await ledger.countChunksDone(sql, run.runId)
  const { dirty } = done
  const read = done.read + (await recordsExported({ sql, run }))
  if (record !== null && dirty > record) throw limitExceeded(dirty, `${record}`)
  // DataX looks at the percentage only where no count is set (dataworks-datax.md §2.4).
  if (record === null && percentage !== null && read > 0 && dirty / read > percentage) {
    throw limitExceeded(dirty, `${percentText(percentage)} of ${read}`)
  }
}
