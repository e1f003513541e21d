import { TransferError } from '../errors/index.ts'
import { type JobName, RunId } from '../job/index.ts'
import * as ledger from '../ledger/index.ts'
import type { PostgresConnection } from '../ports/index.ts'
import { listLedgers } from './job-store.ts'
import type { Deadline, World } from './world.ts'

export interface FoundRun {
  readonly address: PostgresConnection
  readonly runId: RunId
}

/** The ledger that knows the run, among all in which runs were started. @throws run/unknown */
export async function findRun(world: World, deadline: Deadline, text: string): Promise<FoundRun> {
  const runId = RunId.safeParse(text)
  if (!runId.success) throw new TransferError('run/unknown', `${text} is not a run id`, { run: text })
  for (const address of await listLedgers(world.store)) {
    await using sql = await world.connectSql(address, deadline.signal)
    if ((await ledger.readRun(sql, runId.data)) !== null) return { address, runId: runId.data }
  }
  throw new TransferError('run/unknown', `no ledger knows run ${text}`, { run: text })
}

/** Newest first, over all ledgers. One that cannot be reached is an error, because its runs would be missing. */
export async function listRunsEverywhere(
  world: World,
  deadline: Deadline,
  limit: number,
  job: JobName | null,
): Promise<ledger.RunListRow[]> {
  const before = new Date(world.clock.now().getTime() + 60_000)
  const runs: ledger.RunListRow[] = []
  for (const address of await listLedgers(world.store)) {
    await using sql = await world.connectSql(address, deadline.signal)
    runs.push(...(await ledger.listRuns(sql, { before, job, limit })))
  }
  return runs.sort((a, b) => b.requestedAt.getTime() - a.requestedAt.getTime()).slice(0, limit)
}
