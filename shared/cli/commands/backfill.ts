import { setTimeout as sleep } from 'node:timers/promises'
import type { Command } from 'commander'
import type { RunId } from '../../job/index.ts'
import * as ledger from '../../ledger/index.ts'
import type { Sql } from '../../ports/index.ts'
import { type StartedBackfill, startBackfill } from '../../run/backfill.ts'
import { repairRun } from '../../run/repair-run.ts'
import { openRun } from '../../run/run-context.ts'
import { fittedTable } from '../fit.ts'
import { addHelp } from '../help-text.ts'
import { addJobOptions, type JobOptions, readJobArgument } from '../job-argument.ts'
import type { ExitCode, Verbs } from '../main.ts'
import { countUpTo } from '../parse-count.ts'
import type { Session } from '../session.ts'
import { tellIfStackStops } from './follow.ts'

interface BackfillOptions extends JobOptions {
  readonly from: string
  readonly to?: string
  readonly parallel: number
  readonly name: string
  readonly detach?: boolean
}

const help = {
  examples: [
    ['backfill orders --from 20261101 --to 20261107', 'one business date after the other'],
    ['backfill orders --from 20261101 --to 20261130 --parallel 4', 'four at a time'],
    ['backfill orders --from 20261101 --name again', 'a date that a backfill has done before, once more'],
  ],
  notes: [
    'For business date D, ${bizdate} is D and ${cyctime} the time of the schedule on D+1 (midnight without one).',
    'Repeating the command starts nothing twice and follows what is there. Ctrl-C leaves the runs going.',
  ],
} as const

export function addBackfill(program: Command, verbs: Verbs): void {
  const verb = addJobOptions(program.command('backfill <job>'))
    .description('run a job for business dates of the past')
    .requiredOption('--from <yyyymmdd>', 'first business date')
    .option('--to <yyyymmdd>', 'last business date (default: the first)')
    .option('--parallel <n>', 'business dates at the same time', countUpTo(100), 1)
    .option('--name <text>', 'another name runs the same dates again', 'backfill')
    .option('--detach', 'do not wait for the end')
    .action((job: string, options: BackfillOptions) =>
      verbs.withSession((session) => backfill(verbs, session, job, options)),
    )
  addHelp(verb, help)
}

async function backfill(verbs: Verbs, session: Session, job: string, options: BackfillOptions): Promise<ExitCode> {
  const { from, to = from, parallel, name } = options
  const { parsed, parameters, datasources, spec } = await readJobArgument(session, job, options)
  for (const warning of spec.warnings) verbs.output.note(`warning: ${warning}`)
  const request = { parsed, from, to, parallel, name, parameters, datasources }
  const started = await startBackfill(session.world, request, session.deadline)
  const isRerun = (parsed.document.schedule?.rerun.times ?? 0) > 0
  const states =
    options.detach === true
      ? await statesNow(session, started)
      : await follow(verbs, session, { started, parallel, isRerun })
  const runs = started.runs.map((run) => ({ ...run, state: states.get(run.runId) ?? null }))
  if (options.detach === true) tellIfStackStops(verbs.output, session)
  verbs.output.answer({ job: spec.name, name, runs }, () => tableText(runs, verbs.output.width()))
  const isDone = runs.every(({ outcome, state }) => outcome === 'refused' || state === 'succeeded')
  return options.detach === true || isDone ? 0 : 1
}

type States = ReadonlyMap<RunId, ledger.PresentState>

const idsOf = ({ runs }: StartedBackfill) =>
  runs.filter(({ outcome }) => outcome !== 'refused').map(({ runId }) => runId)

async function statesNow({ world }: Session, started: StartedBackfill): Promise<States> {
  await using sql = await world.connectSql(started.ledger, AbortSignal.timeout(60_000))
  return await ledger.readRunStates(sql, idsOf(started))
}

const pollMs = 500

interface Following {
  readonly started: StartedBackfill
  readonly parallel: number
  /** Cycles that failed are gone on with by themselves. */
  readonly isRerun: boolean
}

/** Until nothing moves any more, or Ctrl-C. Begins dates whose turn has come, where the end of a run did not come to it. */
async function follow(verbs: Verbs, session: Session, following: Following): Promise<States> {
  const { output, signal } = verbs
  const ids = idsOf(following.started)
  await using sql = await session.world.connectSql(following.started.ledger, AbortSignal.timeout(24 * 3_600_000))
  // Two looks, because a tick may begin a run between the look and the attempt to begin it.
  for (let still = 0; ; ) {
    const states = await ledger.readRunStates(sql, ids)
    const count = (state: ledger.PresentState) => [...states.values()].filter((one) => one === state).length
    output.progress(
      `${count('succeeded')} of ${ids.length} runs succeeded, ${count('running')} running, ${count('waiting')} waiting, ${count('failed')} failed`,
    )
    if (signal.aborted) return leave(verbs, session, states)
    const begun = count('waiting') > 0 ? await beginNext(session, sql, following, states) : 0
    const isRerunDue = following.isRerun && count('failed') > 0
    still = count('running') + begun > 0 || isRerunDue ? 0 : still + 1
    if (still === 2 || count('succeeded') === ids.length) return states
    await sleep(pollMs, undefined, { signal }).catch(() => undefined)
  }
}

function leave({ output }: Verbs, session: Session, states: States): States {
  tellIfStackStops(output, session)
  output.note('the runs go on; the same command follows them again, and adbpg-sync stop <run> ends one')
  return states
}

/** Dates go on in as many lines as there are dates at the same time; in each line the first that waits may begin. */
async function beginNext(
  { world, deadline }: Session,
  sql: Sql,
  following: Following,
  states: States,
): Promise<number> {
  const { started, parallel } = following
  const kept = started.runs.filter(({ outcome }) => outcome !== 'refused')
  const dates = [...new Set(kept.map(({ businessDate }) => businessDate))]
  const heads = new Map<number, string>()
  for (const { runId, businessDate } of kept) {
    const line = dates.indexOf(businessDate) % parallel
    if (states.get(runId) === 'waiting' && !heads.has(line)) heads.set(line, businessDate)
  }
  const first = new Set(heads.values())
  let begun = 0
  for (const { runId, businessDate } of kept) {
    if (states.get(runId) !== 'waiting' || !first.has(businessDate)) continue
    begun += await repairRun(await openRun(world, sql, { address: started.ledger, runId }, deadline))
  }
  return begun
}

function tableText(
  runs: readonly { runId: string; businessDate: string; scheduledAt: string; outcome: string; state: string | null }[],
  width: number,
): string {
  const rows = runs.map(({ businessDate, scheduledAt, runId, outcome, state }) => [
    businessDate,
    scheduledAt.replace('.000Z', 'Z'),
    runId,
    state ?? outcome,
  ])
  return fittedTable(['date', 'scheduled', 'run', 'state'], rows, width, ['run'])
}
