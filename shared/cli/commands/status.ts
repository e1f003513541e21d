import { type Command, Option } from 'commander'
import { TransferError } from '../../errors/index.ts'
import { JobName } from '../../job/index.ts'
import { findRun, listRunsEverywhere, type SilentLedger } from '../../run/find-run.ts'
import { type Incident, listIncidents } from '../../run/job-store.ts'
import { reportRun } from '../../run/report.ts'
import { summaryLines, summaryOf } from '../../run/run-summary.ts'
import { sinceOf } from '../../run/since.ts'
import type { ExitCode, Verbs } from '../main.ts'
import { summaryText } from '../run-text.ts'
import { runsText } from '../runs-text.ts'
import type { Session } from '../session.ts'

export function addStatus(program: Command, verbs: Verbs): void {
  program
    .command('status [run]')
    .description('list runs and incidents, or show one run')
    .option('--job <name>', 'only runs of this job')
    .addOption(new Option('--state <state>', 'only runs in this state').choices([...states]))
    .option('--since <time>', 'only runs that were requested since: 24h, 7d, 2026-11-24, 2026-11-24T05:00:00Z')
    .option('--summary', 'of one run, the block that DataX ends with')
    .option('--limit <n>', 'at most so many runs', '20')
    .addHelpText(
      'after',
      '\nAn incident is something outside any run that somebody should see: a dropped file that no job waits for, a stored\njob that cannot be read (until it is mended or removed). With --job, those about that job alone.',
    )
    .action((run: string | undefined, options: StatusOptions) =>
      verbs.withSession((session) =>
        run === undefined ? list(verbs, session, options) : show(verbs, session, run, options),
      ),
    )
}

const states = ['running', 'succeeded', 'failed', 'stopped'] as const

interface StatusOptions {
  readonly job?: string
  readonly state?: (typeof states)[number]
  readonly since?: string
  readonly limit: string
  readonly summary?: boolean
}

async function show(
  { output }: Verbs,
  session: Session,
  run: string,
  { summary = false }: StatusOptions,
): Promise<ExitCode> {
  const found = await findRun(session.world, session.deadline, run)
  await using sql = await session.world.connectSql(found.address, session.deadline.signal)
  const report = await reportRun(sql, found.runId, session.world.clock.now())
  if (report === null) throw new TransferError('run/unknown', `no run ${run}`)
  const ended = summaryOf(report)
  if (summary && ended === null) throw new TransferError('job/invalid', `run ${run} has not ended yet`, { run })
  if (summary && ended !== null) {
    output.answer(ended, () => summaryLines(ended).join('\n'))
    return 0
  }
  const plan = report.decisions.map(({ what, why }) => `plan     ${what}: ${why}`)
  output.answer(report, () => [summaryText(report, session.world.store.bucket), ...plan].join('\n'))
  return 0
}

async function list({ output }: Verbs, session: Session, options: StatusOptions): Promise<ExitCode> {
  const job = options.job === undefined ? null : jobNameOf(options.job)
  const since = options.since === undefined ? null : sinceOf(options.since, session.world.clock.now())
  const state = options.state ?? null
  const limit = Math.max(1, Number.parseInt(options.limit, 10) || 20)
  const { runs, silent } = await listRunsEverywhere(session.world, session.deadline, {
    limit,
    job,
    since,
    state,
  })
  const incidents = await listIncidents(session.world.store, limit, job)
  output.answer({ runs, incidents, silent }, () =>
    [runsText(runs, output.width()), ...silentText(silent), ...incidentsText(incidents)].join('\n'),
  )
  return 0
}

function jobNameOf(text: string): JobName {
  const name = JobName.safeParse(text)
  if (name.success) return name.data
  throw new TransferError('job/invalid', `--job ${text}: ${name.error.issues[0]?.message}`, { job: text })
}

const silentText = (silent: readonly SilentLedger[]) =>
  silent.map(({ ledger, error }) => `no answer from the ledger in ${ledger}: ${error.code}: ${error.message}`)

const incidentsText = (incidents: readonly Incident[]) =>
  incidents.map(({ at, code, message, advice }) => `incident ${at} ${code}: ${message}\n         next: ${advice}`)
