import { readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import type { Command } from 'commander'
import { TransferError } from '../../errors/index.ts'
import { JobName, type ParsedDocument, parseDatasourceFile, parseJobDocument, RunId } from '../../job/index.ts'
import { LedgerAddress } from '../../run/events.ts'
import { readJobText } from '../../run/job-store.ts'
import { resolveDocument } from '../../run/jobs.ts'
import type { ExitCode, Verbs } from '../main.ts'
import type { Session } from '../session.ts'
import { hoistSecrets } from '../vault.ts'
import { followRun } from './follow.ts'

export interface RunOptions {
  readonly param: readonly string[]
  readonly datasources?: string
  readonly key?: string
  readonly detach?: boolean
}

const collect = (value: string, before: readonly string[]) => [...before, value]

export function addRun(program: Command, verbs: Verbs): void {
  program
    .command('run <job>')
    .description('run a job: a file with a job document or a DataX or DataWorks script, or the name of a stored job')
    .option('--param <name=value>', 'value of ${name} in the script; may be repeated', collect, [])
    .option('--datasources <file>', 'JSON file of datasources by name, which go before the registered ones')
    .option('--key <text>', 'idempotency key: two runs with the same key are one')
    .option('--detach', 'do not wait for the end')
    .action((job: string, options: RunOptions) => verbs.withSession((session) => run(verbs, session, job, options)))
}

async function run(verbs: Verbs, session: Session, job: string, options: RunOptions): Promise<ExitCode> {
  const parsed = await readJobArgument(session, job)
  const parameters = parametersOf(options.param)
  const datasources = await readDatasources(options.datasources)
  // Resolved here first: every fault is told with its line, and nothing has been started.
  const occasion = {
    trigger: { type: 'client' } as const,
    scheduledAt: session.world.clock.now(),
    parameters,
    datasources,
  }
  const spec = await resolveDocument(session.world, parsed, occasion)
  for (const warning of spec.warnings) verbs.output.note(`warning: ${warning}`)
  const event = {
    job: parsed.document,
    parameters,
    datasources,
    ...(options.key === undefined ? {} : { idempotencyKey: options.key }),
  }
  const started = await start(session, event)
  if (options.detach === true) {
    verbs.output.answer(
      started,
      () => `run ${started.runId} of ${spec.name} is ${started.outcome}; adbpg-sync status ${started.runId}`,
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

/** A path with a slash, a dot or an existing file is a file; anything else the name of a stored job. */
export async function readJobArgument(session: Session, job: string): Promise<ParsedDocument> {
  const text = await readFile(job, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' && /^[A-Za-z][\w-]*$/.test(job)) return null
    throw new TransferError('job/unknown-job', `cannot read ${job}: ${error.code}`, { job }, { cause: error })
  })
  if (text === null) return parseJobDocument(await readJobText(session.world.store, job), job)
  const parsed = parseJobDocument(text, nameOfFile(job))
  return { ...parsed, document: await hoistSecrets(parsed.document, session.vaultFile) }
}

function nameOfFile(path: string): string {
  const name = basename(path)
    .replace(/\.[^.]*$/, '')
    .replaceAll(/[^A-Za-z0-9_-]/g, '_')
  const parsed = JobName.safeParse(name)
  return parsed.success ? parsed.data : `job_${name}`.slice(0, 64)
}

export function parametersOf(pairs: readonly string[]): Record<string, string> {
  const entries = pairs.map((pair) => {
    const at = pair.indexOf('=')
    if (at < 1) throw new TransferError('job/invalid', `--param takes name=value, got ${pair}`)
    return [pair.slice(0, at), pair.slice(at + 1)] as const
  })
  return Object.fromEntries(entries)
}

/** @throws job/syntax, job/invalid with line and column of each fault */
export async function readDatasources(path: string | undefined): Promise<Record<string, unknown>> {
  if (path === undefined) return {}
  const text = await readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    throw new TransferError('job/invalid', `cannot read ${path}: ${cause.code}`, { file: path }, { cause })
  })
  return parseDatasourceFile(text)
}
