import type { Command } from 'commander'
import { findRun } from '../../run/find-run.ts'
import { openRun } from '../../run/run-context.ts'
import { retryRun, stopRun } from '../../run/steer-run.ts'
import type { Verbs } from '../main.ts'
import { followRun } from './follow.ts'

export function addStop(program: Command, verbs: Verbs): void {
  program
    .command('stop <run>')
    .description('stop a run: no new chunk begins; rows that are loaded stay')
    .action((run: string) =>
      verbs.withSession(async (session) => {
        const { address, runId } = await findRun(session.world, session.deadline, run)
        await using sql = await session.world.connectSql(address, session.deadline.signal)
        await stopRun(await openRun(session.world, sql, { address, runId }, session.deadline))
        await followRun(verbs, session, { ledger: address, runId })
        return 0
      }),
    )
}

export function addRetry(program: Command, verbs: Verbs): void {
  program
    .command('retry <run>')
    .description('go on with what a failed or stopped run has not done; nothing is loaded twice')
    .action((run: string) =>
      verbs.withSession(async (session) => {
        const { address, runId } = await findRun(session.world, session.deadline, run)
        await using sql = await session.world.connectSql(address, session.deadline.signal)
        await retryRun(await openRun(session.world, sql, { address, runId }, session.deadline))
        return await followRun(verbs, session, { ledger: address, runId })
      }),
    )
}
