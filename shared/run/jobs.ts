import { findReader, findWriter, kindOf, knownKinds } from '../connectors/find-connector.ts'
import { asTransferError, TransferError } from '../errors/index.ts'
import {
  type Catalogue,
  type CheckedJob,
  checkJob,
  type JobDocument,
  type JobSpec,
  type ParameterTrigger,
  type ParsedDocument,
  parseJobDocument,
  type Resolution,
  type ResolvedJob,
  resolveJob,
  triggerParameters,
  zoneOf,
} from '../job/index.ts'
import { runDatesOf } from '../schedule/index.ts'
import { findDatasource } from './datasources.ts'
import type { StartEvent } from './events.ts'
import { type DocumentVersion, listJobs, readJobText, recordDocumentIncident, type StoredJob } from './job-store.ts'
import type { World } from './world.ts'

export interface DatedJob {
  readonly version: DocumentVersion
  readonly job: JobDocument
  /** The same with its text at hand, so that a fault can be told by line. */
  readonly parsed: ParsedDocument
  readonly savedAt: Date
}

/**
 * All stored jobs that can be read. One that cannot becomes an incident and does not keep the others from running; but a
 * bucket that does not answer is an error, because a job that was overlooked would miss its trigger.
 */
export async function loadDatedJobs(world: World): Promise<DatedJob[]> {
  const jobs: DatedJob[] = []
  for await (const stored of listJobs(world.store)) {
    try {
      const text = await stored.text()
      if (text !== null) jobs.push(datedJob(stored, text))
    } catch (thrown) {
      const error = asTransferError(thrown)
      if (isOfTheWay(error)) throw error
      const told = new TransferError(error.code, `${stored.key}: ${error.message}`, { job: stored.name })
      await recordDocumentIncident(world.store, told, stored, world.clock.now())
    }
  }
  return jobs
}

function datedJob({ name, savedAt, key, etag }: StoredJob, text: string): DatedJob {
  const parsed = parseJobDocument(text, name)
  return { version: { key, etag }, job: parsed.document, parsed, savedAt }
}

/** About reaching the bucket, not about the document: a bug of the parser must not stop every job. */
const isOfTheWay = ({ code, policy }: TransferError) => policy.retry === 'again' && code !== 'internal/bug'

/** A stored job by its name, or the document that came with the event. @throws job/unknown-job, job/syntax, job/invalid */
export async function readJob(world: World, job: StartEvent['job']): Promise<ParsedDocument> {
  if (typeof job === 'string') return parseJobDocument(await readJobText(world.store, job), job)
  return parseJobDocument(JSON.stringify(job, null, 2), null)
}

export interface Occasion {
  readonly trigger: ParameterTrigger
  readonly scheduledAt: Date
  /** Whose clocks dates are read from; by default those of the job's first schedule. */
  readonly timeZone?: string
  readonly parameters?: Readonly<Record<string, string>>
  readonly datasources?: Readonly<Record<string, unknown>>
}

/** Values win in this order: the caller's, the trigger's, the job's own. Dates are those of the zone of its first schedule. */
export async function resolveDocument(world: World, parsed: ParsedDocument, occasion: Occasion): Promise<JobSpec> {
  return (await resolveWithValues(world, parsed, occasion)).spec
}

/** The same, with the values that were filled in: for people. */
export async function resolveWithValues(
  world: World,
  parsed: ParsedDocument,
  occasion: Occasion,
): Promise<ResolvedJob> {
  return await resolveJob(parsed.document, parsed.scriptPath, resolutionOf(world, parsed, occasion))
}

/** The same with its faults as a result. */
export async function checkDocument(world: World, parsed: ParsedDocument, occasion: Occasion): Promise<CheckedJob> {
  return await checkJob(parsed.document, parsed.scriptPath, resolutionOf(world, parsed, occasion))
}

function resolutionOf(world: World, { document, place }: ParsedDocument, occasion: Occasion): Resolution {
  const { trigger, scheduledAt, parameters = {}, datasources = {} } = occasion
  const timeZone = occasion.timeZone ?? zoneOfJob(document)
  return {
    catalogue,
    parameters: { ...triggerParameters(trigger), ...parameters },
    dates: runDatesOf(scheduledAt, timeZone),
    findDatasource: (name) => findDatasource(world, datasources, name),
    hoistSecret: null,
    place,
  }
}

/** DataWorks' own zone for a job without a schedule. */
export function zoneOfJob({ triggers }: JobDocument): string {
  const schedule = triggers.find((one) => one.type === 'schedule')
  return schedule?.type === 'schedule' ? zoneOf(schedule) : 'Asia/Shanghai'
}

export const catalogue: Catalogue = {
  async find(role, name) {
    const kind = kindOf(role, name)
    if (kind === null) return null
    return role === 'reader' ? await findReader(kind) : await findWriter(kind)
  },
  known: knownKinds,
}
