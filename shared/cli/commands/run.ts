import { type Command, InvalidArgumentError } from 'commander'
import { RunId } from '../../job/index.ts'
import { LedgerAddress, StartEvent } from '../../run/events.ts'
import { wrapped } from '../fit.ts'
import { addHelp } from '../help-text.ts'
import { addJobOptions, type JobOptions, readJobArgument } from '../job-argument.ts'
import type { ExitCode, Verbs } from '../main.ts'
import type { Session } from '../session.ts'
import { followRun, tellIfStackStops } from './follow.ts'

interface RunOptions extends JobOptions {
  readonly key?: string
  readonly detach?: boolean
}

const help = {
  examples: [
    ['run job.json', 'a script as it came from DataX or DataWorks'],
    ['run orders --param day=20261123', 'jobs/orders.json of the bucket'],
    ['run job.json --datasources sources.json', 'with datasources of your own'],
    ['run orders --key orders-20261123 --detach', 'once, however often it is called'],
  ],
  notes: ['Ctrl-C leaves the run going: the functions do the work, not this command.'],
} as const

export function addRun(program: Command, verbs: Verbs): void {
  const verb = addJobOptions(program.command('run <job>'))
    .description('run a job: a file with a job document or a DataX or DataWorks script, or the name of a stored job')
    .option('--key <text>', 'idempotency key: two runs with the same key are one', keyOf)
    .option('--detach', 'do not wait for the end')
    .action((job: string, options: RunOptions) => verbs.withSession((session) => run(verbs, session, job, options)))
  addHelp(verb, help)
}

function keyOf(text: string): string {
  const key = StartEvent.shape.idempotencyKey.safeParse(text)
  if (key.success) return text
  throw new InvalidArgumentError('It must have 1 to 200 characters.')
}

async function run(verbs: Verbs, session: Session, job: string, options: RunOptions): Promise<ExitCode> {
  // Resolved here first: every fault is told with its line, and nothing has been started.
  const { parsed, parameters, datasources, spec } = await readJobArgument(session, job, options)
  for (const warning of spec.warnings) verbs.output.note(`warning: ${warning}`)
  const event = {
    job: parsed.document,
    parameters,
    datasources,
    ...(options.key === undefined ? {} : { idempotencyKey: options.key }),
  }
  const started = await start(session, event)
  if (options.detach === true) {
    tellIfStackStops(verbs.output, session)
    verbs.output.answer({ ...started, warnings: spec.warnings }, () =>
      wrapped(
        `run ${started.runId} of ${spec.name} is ${started.outcome}; adbpg-sync status ${started.runId}`,
        verbs.output.width(),
        2,
      ),
    )
    return 0
  }
  return await followRun(verbs, session, { ledger: started.ledger, runId: started.runId })
}

const startWithinMs = 120_000

async function start(session: Session, event: unknown) {
  const answer = await session.world.invoker.invokeSync('start', event, startWithinMs)
  const { runId, outcome, ledger } = answer as { runId: string; outcome: 'started' | 'existing'; ledger: unknown }
  return { runId: RunId.parse(runId), outcome, ledger: LedgerAddress.parse(ledger) }
}
