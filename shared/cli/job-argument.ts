import { readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { type Command, Option } from 'commander'
import { TransferError } from '../errors/index.ts'
import { faultText } from '../job/fault.ts'
import { JobName, type ParsedDocument, parseDatasourceFile, type ReadDocument, readJobDocument } from '../job/index.ts'
import { readJobText } from '../run/job-store.ts'
import { type ResolvedDocument, resolveRead } from '../run/jobs.ts'
import { readText } from './read-text.ts'
import type { Session } from './session.ts'
import { keepSecrets } from './vault.ts'

/** The options of every verb that takes a job. */
export interface JobOptions {
  readonly param: readonly string[]
  readonly datasources?: string
}

const collect = (value: string, before: readonly string[]) => [...before, value]

export function addJobOptions(verb: Command): Command {
  const parameters = new Option('--param <name=value>', 'value of ${name} in the script; may be repeated')
  return verb
    .addOption(parameters.argParser(collect).default([], 'none'))
    .option(
      '--datasources <file>',
      'JSON file of datasources by name; they go before those of ADBPG_SYNC_DATASOURCES and of the bucket',
    )
}

/** A job of the command line, whole: its document, what was given with it, and what both resolve to. */
export interface JobArgument extends ResolvedDocument {
  readonly parameters: Readonly<Record<string, string>>
  readonly datasources: Readonly<Record<string, unknown>>
}

/** Reads and resolves; nothing is started. @throws job/* with the line of each fault */
export async function readJobArgument(session: Session, job: string, options: JobOptions): Promise<JobArgument> {
  const read = await readDocument(session, job)
  const parameters = parametersOf(options.param)
  const datasources = await givenDatasources(session, options.datasources)
  const occasion = {
    trigger: { type: 'client' } as const,
    scheduledAt: session.world.clock.now(),
    parameters,
    datasources,
  }
  return { parameters, datasources, ...(await resolveRead(session.world, read, occasion)) }
}

/** A path with a slash, a dot or an existing file is a file; anything else the name of a stored job. */
async function readDocument(session: Session, job: string): Promise<ReadDocument> {
  const text = await readFile(job, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' && /^[A-Za-z][\w-]*$/.test(job)) return null
    throw new TransferError('job/unknown-job', `cannot read ${job}: ${error.code}`, { job }, { cause: error })
  })
  if (text === null) return readJobDocument(await readJobText(session.world.store, job), job)
  const { parsed, remains, faults } = readJobDocument(text, nameOfFile(job))
  return { parsed: await withSecretsKept(parsed, session), remains: await withSecretsKept(remains, session), faults }
}

async function withSecretsKept(parsed: ParsedDocument | null, { vault }: Session): Promise<ParsedDocument | null> {
  if (parsed === null) return null
  const { document } = parsed
  const script = await keepSecrets(document.script, document.name, vault)
  const notices = await keepSecrets(document.notices, `${document.name}_notices`, vault)
  return { ...parsed, document: { ...document, script, notices } }
}

export function nameOfFile(path: string): string {
  const name = basename(path)
    .replace(/\.[^.]*$/, '')
    .replaceAll(/[^A-Za-z0-9_-]/g, '_')
  const parsed = JobName.safeParse(name)
  return parsed.success ? parsed.data : `job_${name}`.slice(0, 64)
}

function parametersOf(pairs: readonly string[]): Record<string, string> {
  const entries = pairs.map((pair) => {
    const at = pair.indexOf('=')
    if (at < 1) throw new TransferError('usage/invalid', `--param takes name=value, got ${pair}`)
    return [pair.slice(0, at), pair.slice(at + 1)] as const
  })
  return Object.fromEntries(entries)
}

/** Those of the caller's environment go along: the functions, started by somebody else, have another one. */
async function givenDatasources(session: Session, path: string | undefined): Promise<Record<string, unknown>> {
  const { datasources } = session.world.settings
  const ofEnvironment = datasources === null ? nothing : parseDatasourceFile(datasources, 'ADBPG_SYNC_DATASOURCES')
  const ofFile = path === undefined ? nothing : parseDatasourceFile(await readText(path), path)
  for (const warning of [...ofEnvironment.warnings, ...ofFile.warnings]) session.world.log.warn(faultText(warning))
  return await keepSecrets({ ...ofEnvironment.datasources, ...ofFile.datasources }, 'datasources', session.vault)
}

const nothing = { datasources: {}, warnings: [] } as const
