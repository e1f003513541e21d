import { asTransferError, type ErrorReport, TransferError } from '../errors/index.ts'
import { RunId } from '../job/index.ts'
import * as ledger from '../ledger/index.ts'
import type { PostgresConnection, Sql } from '../ports/index.ts'
import { listLedgers } from './job-store.ts'
import type { Deadline, World } from './world.ts'

export interface FoundRun {
  readonly address: PostgresConnection
  readonly runId: RunId
}

/** A ledger that did not answer: its runs are not in the list. */
export interface SilentLedger {
  /** `host:port/database` */
  readonly ledger: string
  readonly error: ErrorReport
}

/** The ledger that knows the run, among all in which runs were started. @throws run/unknown, connect/unreachable */
export async function findRun(world: World, deadline: Deadline, text: string): Promise<FoundRun> {
  const runId = RunId.safeParse(text)
  if (!runId.success) throw new TransferError('run/unknown', `${text} is not a run id`, { run: text })
  const { answers, silent } = await askEach(world, deadline, async (sql, address) =>
    (await ledger.readRun(sql, runId.data)) === null ? null : address,
  )
  const address = answers.find((one) => one !== null)
  if (address) return { address, runId: runId.data }
  if (silent.length === 0) throw new TransferError('run/unknown', `no ledger knows run ${text}`, { run: text })
  const names = silent.map((one) => one.ledger).join(', ')
  throw new TransferError('connect/unreachable', `no ledger that answers knows run ${text}; ${names} did not answer`, {
    run: text,
  })
}

/** Newest first, over all ledgers that answer. `before` unset: from now on backwards. */
export async function listRunsEverywhere(
  world: World,
  deadline: Deadline,
  filter: Partial<ledger.RunFilter> & Pick<ledger.RunFilter, 'limit'>,
): Promise<{ runs: ledger.RunListRow[]; silent: readonly SilentLedger[] }> {
  const before = new Date(world.clock.now().getTime() + 60_000)
  const whole = { before, since: null, job: null, state: null, ...filter }
  const { answers, silent } = await askEach(world, deadline, (sql) => ledger.listRuns(sql, whole))
  const runs = answers.flat().sort((a, b) => b.requestedAt.getTime() - a.requestedAt.getTime())
  return { runs: runs.slice(0, filter.limit), silent }
}

/** All at once: one database that is gone must not make everybody wait for those behind it. */
export async function askEach<T>(
  world: World,
  deadline: Deadline,
  ask: (sql: Sql, address: PostgresConnection) => Promise<T>,
): Promise<{ answers: T[]; silent: SilentLedger[] }> {
  const answers: T[] = []
  const silent: SilentLedger[] = []
  const askOne = async (address: PostgresConnection) => {
    await using sql = await world.connectSql(address, deadline.signal)
    return await ask(sql, address)
  }
  const asked = (await listLedgers(world.store)).map(async (address) => {
    try {
      answers.push(await askOne(address))
    } catch (thrown) {
      const { host, port, database } = address
      silent.push({ ledger: `${host}:${port}/${database}`, error: asTransferError(thrown).report() })
    }
  })
  await Promise.all(asked)
  return { answers, silent }
}
