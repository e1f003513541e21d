import { type Command, InvalidArgumentError, Option } from 'commander'
import { asTransferError, TransferError } from '../../errors/index.ts'
import { JobName, RunId } from '../../job/index.ts'
import { PresentState } from '../../ledger/index.ts'
import { findRun, listRunsEverywhere, type SilentLedger } from '../../run/find-run.ts'
import { type Incident, listIncidents } from '../../run/job-store.ts'
import { type ObjectStatus, statusOfObject } from '../../run/object-status.ts'
import { reportRun } from '../../run/report.ts'
import { summaryLines, summaryOf } from '../../run/run-summary.ts'
import { sinceOf } from '../../run/since.ts'
import { bareKey } from '../bare-key.ts'
import { wrapped } from '../fit.ts'
import { addHelp } from '../help-text.ts'
import type { ExitCode, Verbs } from '../main.ts'
import { countUpTo } from '../parse-count.ts'
import { summaryText } from '../run-text.ts'
import { runsText } from '../runs-text.ts'
import type { Session } from '../session.ts'

export function addStatus(program: Command, verbs: Verbs): void {
  const verb = program
    .command('status [run]')
    .description('list runs and incidents, or show one run, or what became of a dropped file')
    .option('--job <name>', 'only runs of this job', jobNameOf)
    .addOption(new Option('--state <state>', 'only runs in this state').choices(PresentState.options))
    .option('--since <time>', 'only runs requested since: 24h, 7d, 2026-11-24, 2026-11-24T05:00:00Z', sinceText)
    .option('--summary', 'of one run, the block that DataX ends with')
    .option('--limit <n>', 'at most so many runs', countUpTo(1000), 20)
    .action((run: string | undefined, options: StatusOptions) =>
      verbs.withSession((session) =>
        run === undefined
          ? list(verbs, session, options)
          : RunId.safeParse(run).success
            ? show(verbs, session, run, options)
            : showObject(verbs, session, run),
      ),
    )
  addHelp(verb, {
    notes: [
      'A dropped file is named by its key, with or without oss://bucket/: a line for each version and job, with its run and its own rows.',
      'An incident is something outside any run that somebody should see: a dropped file that no job waits for, a stored job that cannot be read (until it is mended or removed). With --job, those about that job alone.',
    ],
  })
}

interface StatusOptions {
  readonly job?: JobName
  readonly state?: PresentState
  readonly since?: string
  readonly limit: number
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
  const report = await reportRun(sql, found.runId, session.world.clock.now(), session.world.settings.prices)
  if (report === null) throw new TransferError('run/unknown', `no run ${run}`)
  const ended = summaryOf(report)
  if (summary && ended === null) throw new TransferError('run/not-ended', `run ${run} has not ended yet`, { run })
  if (summary && ended !== null) {
    output.answer(ended, () => summaryLines(ended).join('\n'))
    return 0
  }
  const plan = report.decisions.map(({ what, why }) => `plan     ${what}: ${why}`)
  output.answer(report, () =>
    [
      summaryText(report, session.world.store.bucket, output.width()),
      ...plan.map((line) => wrapped(line, output.width(), 9)),
    ].join('\n'),
  )
  return 0
}

async function showObject({ output }: Verbs, session: Session, name: string): Promise<ExitCode> {
  const { world, deadline } = session
  const key = bareKey(name, world.store.bucket)
  const { objects, silent } = await statusOfObject(world, deadline, key)
  if (objects.length === 0) {
    const message = `${name} is no run, and no file of that key was dropped for a job`
    throw new TransferError('run/unknown', message, { run: name })
  }
  output.answer({ objects, silent }, () =>
    [...objects.map((one) => wrapped(objectText(one), output.width(), 4)), ...silentText(silent)].join('\n'),
  )
  return 0
}

async function list({ output }: Verbs, session: Session, options: StatusOptions): Promise<ExitCode> {
  if (options.summary === true) throw new TransferError('usage/invalid', '--summary is of one run: name it')
  const since = options.since === undefined ? null : sinceOf(options.since, session.world.clock.now())
  const { job = null, state = null, limit } = options
  const { runs, silent } = await listRunsEverywhere(session.world, session.deadline, {
    limit,
    job,
    since,
    state,
  })
  const isFiltered = job !== null || since !== null || state !== null
  const incidents = await listIncidents(session.world.store, limit, job)
  output.answer({ runs, incidents, silent }, () =>
    [
      runs.length > 0 || !isFiltered ? runsText(runs, output.width()) : 'no such runs',
      ...[...silentText(silent), ...incidentsText(incidents)].map((line) => wrapped(line, output.width(), 9)),
    ].join('\n'),
  )
  return 0
}

function jobNameOf(text: string): JobName {
  const name = JobName.safeParse(text)
  if (name.success) return name.data
  throw new InvalidArgumentError(`${name.error.issues[0]?.message}.`)
}

/** Read again where the clock of the session is known. */
function sinceText(text: string): string {
  try {
    return sinceOf(text, new Date(0)) && text
  } catch (thrown) {
    throw new InvalidArgumentError(`${asTransferError(thrown).message}.`)
  }
}

function objectText({ job, etag, arrivedAt, runId, state, rows, error, setAside }: ObjectStatus): string {
  const run = runId === null ? 'waits for the run under way to end' : `${state} in ${runId}`
  const counts =
    rows === null ? 'no row of it is in' : `${rows.read} read, ${rows.loaded ?? '?'} loaded, ${rows.dirty} dirty`
  const reasons = [error, setAside].filter((one) => one !== null).map(({ code, message }) => `; ${code}: ${message}`)
  return `${arrivedAt}  ${job}  etag ${etag}: ${run}; ${counts}${reasons[0] ?? ''}`
}

const silentText = (silent: readonly SilentLedger[]) =>
  silent.map(({ ledger, error }) => `no answer from the ledger in ${ledger}: ${error.code}: ${error.message}`)

const incidentsText = (incidents: readonly Incident[]) =>
  incidents.map(({ at, code, message, advice }) => `incident ${at} ${code}: ${message}\n         next: ${advice}`)
