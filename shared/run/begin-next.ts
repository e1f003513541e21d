import { asTransferError } from '../errors/index.ts'
import * as ledger from '../ledger/index.ts'
import { repairRun } from './repair-run.ts'
import { openRun, type RunContext } from './run-context.ts'

/** What waits beyond these is begun by `tick`, as is what waits in another ledger. */
const runsAtOnce = 200

/** After a cycle that succeeded: begins those that waited for it alone, rather than with the next look of `tick`. */
export async function beginNext({ world, sql, run, address, deadline, log }: RunContext): Promise<void> {
  const cycle = await ledger.readCycle(sql, run.runId)
  if (cycle === null) return
  for (const runId of await ledger.listWaitingFor(sql, run.runId, cycle, runsAtOnce)) {
    try {
      await repairRun(await openRun(world, sql, { address, runId }, deadline))
    } catch (thrown) {
      // Its trouble is not that of the run which has ended; `tick` meets it again and makes it an incident.
      log.error('a run that waited could not be begun', { waiting: runId, error: asTransferError(thrown).report() })
    }
  }
}
