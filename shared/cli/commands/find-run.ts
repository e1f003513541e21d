import { TransferError } from '../../errors/index.ts'
import { RunId } from '../../job/index.ts'
import * as ledger from '../../ledger/index.ts'
import type { PostgresConnection, SqlSession } from '../../ports/index.ts'
import { listLedgers } from '../../run/job-store.ts'
import type { Session } from '../session.ts'

export interface FoundRun {
  readonly address: PostgresConnection
  readonly runId: RunId
}

/** The ledger that knows the run, among all in which runs were started. @throws run/unknown */
export async function findRun(session: Session, text: string): Promise<FoundRun> {
  const runId = RunId.safeParse(text)
  if (!runId.success) throw new TransferError('run/unknown', `${text} is not a run id`, { run: text })
  for (const address of await listLedgers(session.world.store)) {
    await using sql = await session.world.connectSql(address, session.deadline.signal)
    if ((await ledger.readRun(sql, runId.data)) !== null) return { address, runId: runId.data }
  }
  throw new TransferError('run/unknown', `no ledger knows run ${text}`, { run: text })
}

/** Each ledger in turn; one that cannot be reached is an error, because its runs would be missing from the answer. */
export async function eachLedger<T>(
  session: Session,
  work: (sql: SqlSession, address: PostgresConnection) => Promise<T>,
): Promise<T[]> {
  const answers: T[] = []
  for (const address of await listLedgers(session.world.store)) {
    await using sql = await session.world.connectSql(address, session.deadline.signal)
    answers.push(await work(sql, address))
  }
  return answers
}
