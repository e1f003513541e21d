import type { JobName } from '../job/index.ts'
import * as ledger from '../ledger/index.ts'
import type { Sql } from '../ports/index.ts'
import { askEach } from './find-run.ts'
import type { RunContext } from './run-context.ts'

/**
 * A cycle that waits has its row, its parameters and its reasons from the beginning, and is planned once all of them have
 * come about. Whoever looks may release it, any number of times: the row that does so has a primary key.
 */
export async function releaseIfReady(context: RunContext): Promise<boolean> {
  const { sql, run, world } = context
  const waits = await ledger.listWaits(sql, run.runId)
  if (waits.length === 0) return true
  if ((await unmetWaits(sql, run.runId, (job, at) => hasSucceededAnywhere(context, job, at))).length > 0) return false
  await ledger.insertReleased(sql, run.runId, world.clock.now())
  context.log.info('run released: what it waited for has come about', { conditions: waits.length })
  return true
}

/** Whether the cycle of a job has succeeded, as far as this ledger knows. */
export const hasSucceeded = async (sql: Sql, job: JobName, at: Date): Promise<boolean> =>
  (await ledger.readCycleState(sql, job, at)) === 'succeeded'

/** Another job may keep its ledger in another database. One that does not answer has nothing to say, and the next tick asks again. */
async function hasSucceededAnywhere({ world, sql, deadline }: RunContext, job: JobName, at: Date): Promise<boolean> {
  if (await hasSucceeded(sql, job, at)) return true
  const { answers } = await askEach(world, deadline, (other) => hasSucceeded(other, job, at))
  return answers.includes(true)
}

/** What a run still waits for, in words; empty when it may begin. */
export async function unmetWaits(
  sql: Sql,
  runId: ledger.RunRow['runId'],
  succeeded: (job: JobName, at: Date) => Promise<boolean>,
): Promise<string[]> {
  const waits = await ledger.listWaits(sql, runId)
  const cycle = waits.length === 0 ? null : await ledger.readCycle(sql, runId)
  if (cycle === null) return []
  const unmet: string[] = []
  for (const wait of waits) {
    const reason = await unmetWait(sql, cycle, wait, succeeded)
    if (reason !== null) unmet.push(reason)
  }
  return unmet
}

async function unmetWait(
  sql: Sql,
  cycle: ledger.CycleRow,
  wait: ledger.Wait,
  succeeded: (job: JobName, at: Date) => Promise<boolean>,
): Promise<string | null> {
  switch (wait.for) {
    case 'cycle':
      return (await succeeded(wait.job, new Date(wait.at))) ? null : `${wait.job} of ${wait.at} to succeed`
    case 'previous': {
      const before = await ledger.readPreviousCycle(sql, cycle.job, cycle.scheduledAt)
      if (before === null || (await hasSucceeded(sql, cycle.job, before))) return null
      return `the cycle before, of ${before.toISOString()}, to succeed`
    }
    case 'run': {
      const state = (await ledger.readRunStates(sql, [wait.runId])).get(wait.runId)
      if (state === 'succeeded') return null
      return `run ${wait.runId} of business date ${wait.businessDate}, which is ${state ?? 'not there'}, to succeed`
    }
  }
}
