import type { Command } from 'commander'
import { TransferError } from '../../errors/index.ts'
import { JobName } from '../../job/index.ts'
import { findRun, listRunsEverywhere, type SilentLedger } from '../../run/find-run.ts'
import { type Incident, listIncidents } from '../../run/job-store.ts'
import { reportRun } from '../../run/report.ts'
import type { ExitCode, Verbs } from '../main.ts'
import { summaryText } from '../run-text.ts'
import { runsText } from '../runs-text.ts'
import type { Session } from '../session.ts'

export function addStatus(program: Command, verbs: Verbs): void {
  program
    .command('status [run]')
    .description('list runs and incidents, or show one run')
    .option('--job <name>', 'only runs of this job')
    .option('--limit <n>', 'at most so many runs', '20')
    .addHelpText(
      'after',
      '\nAn incident is something outside any run that somebody should see: a dropped file that no job waits for.',
    )
    .action((run: string | undefined, options: { job?: string; limit: string }) =>
      verbs.withSession((session) => (run === undefined ? list(verbs, session, options) : show(verbs, session, run))),
    )
}

async function show({ output }: Verbs, session: Session, run: string): Promise<ExitCode> {
  const found = await findRun(session.world, session.deadline, run)
  await using sql = await session.world.connectSql(found.address, session.deadline.signal)
  const report = await reportRun(sql, found.runId, session.world.clock.now())
  if (report === null) throw new TransferError('run/unknown', `no run ${run}`)
  const plan = report.decisions.map(({ what, why }) => `plan     ${what}: ${why}`)
  output.answer(report, () => [summaryText(report, session.world.store.bucket), ...plan].join('\n'))
  return 0
}

async function list({ output }: Verbs, session: Session, options: { job?: string; limit: string }): Promise<ExitCode> {
  const job = options.job === undefined ? null : JobName.parse(options.job)
  const limit = Math.max(1, Number.parseInt(options.limit, 10) || 20)
  const { runs, silent } = await listRunsEverywhere(session.world, session.deadline, limit, job)
  const incidents = await listIncidents(session.world.store, limit)
  output.answer({ runs, incidents, silent }, () =>
    [runsText(runs, output.width()), ...silentText(silent), ...incidentsText(incidents)].join('\n'),
  )
  return 0
}

const silentText = (silent: readonly SilentLedger[]) =>
  silent.map(({ ledger, error }) => `no answer from the ledger in ${ledger}: ${error.code}: ${error.message}`)

const incidentsText = (incidents: readonly Incident[]) =>
  incidents.map(({ at, code, message, advice }) => `incident ${at} ${code}: ${message}\n         next: ${advice}`)
