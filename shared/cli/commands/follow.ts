import { setTimeout as sleep } from 'node:timers/promises'
import { TransferError } from '../../errors/index.ts'
import type { RunId } from '../../job/index.ts'
import type { PostgresConnection } from '../../ports/index.ts'
import { type RunReport, reportRun } from '../../run/report.ts'
import { wrapped } from '../fit.ts'
import type { ExitCode, Verbs } from '../main.ts'
import type { Output } from '../output.ts'
import { progressText, summaryText } from '../run-text.ts'
import type { Session } from '../session.ts'

const pollMs = 300

/** Shows a run until it ends. Ctrl-C leaves the run going: it is the functions that work, not this command. */
export async function followRun(
  verbs: Verbs,
  session: Session,
  at: { ledger: PostgresConnection; runId: RunId },
): Promise<ExitCode> {
  const { output, signal } = verbs
  await using sql = await session.world.connectSql(at.ledger, AbortSignal.timeout(24 * 3_600_000))
  for (;;) {
    const report = await reportRun(sql, at.runId, session.world.clock.now(), session.world.settings.prices)
    if (report === null) throw new TransferError('run/unknown', `no run ${at.runId} in this ledger`)
    if (isEnded(report)) return endOf(verbs, session, report)
    if (signal.aborted) return interrupted(verbs, session, report)
    output.progress(progressText(report))
    await sleep(pollMs, undefined, { signal }).catch(() => undefined)
  }
}

const isEnded = ({ state }: RunReport) => state === 'succeeded' || state === 'failed' || state === 'stopped'

function endOf({ output }: Verbs, session: Session, report: RunReport): ExitCode {
  output.answer(report, () => summaryText(report, session.world.store.bucket, output.width()))
  return report.state === 'succeeded' ? 0 : 1
}

function interrupted({ output }: Verbs, session: Session, report: RunReport): ExitCode {
  tellIfStackStops(output, session)
  const text = `run ${report.runId} goes on; adbpg-sync stop ${report.runId} ends it`
  output.answer(report, () => wrapped(text, output.width(), 2))
  return 1
}

/** What was begun stands in the ledger, the queue and the outbox, so the next stack goes on with it. */
export function tellIfStackStops(output: Output, { isStackOwn }: Session): void {
  if (!isStackOwn) return
  output.note('the local stack stops with this command; work goes on when it is up again (`adbpg-sync up`)')
}
