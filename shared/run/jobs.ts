import { findReader, findWriter, kindOf, knownKinds } from '../connectors/find-connector.ts'
import { asTransferError, TransferError } from '../errors/index.ts'
import { type Fault, faultsError, worthTelling } from '../job/fault.ts'
import {
  type Catalogue,
  type CheckedJob,
  checkJob,
  type JobDocument,
  type JobSpec,
  type ParameterTrigger,
  type ParsedDocument,
  parseJobDocument,
  type ReadDocument,
  type Resolution,
  type ResolvedJob,
  readJobDocument,
  resolveJob,
  triggerParameters,
  zoneOf,
} from '../job/index.ts'
import { runDatesOf } from '../schedule/index.ts'
import { datasourceNames, findDatasource } from './datasources.ts'
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
      const known = world.remembered?.jobs.get(stored.key)
      if (known?.etag === stored.etag) {
        jobs.push({ ...known.job, savedAt: stored.savedAt })
        continue
      }
      const text = await stored.text()
      if (text === null) continue
      const job = datedJob(stored, text)
      jobs.push(job)
      world.remembered?.jobs.set(stored.key, { etag: stored.etag, job })
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

/** A stored job by its name, or the document that came with the event. @throws job/unknown-job */
async function read(world: World, job: StartEvent['job']): Promise<ReadDocument> {
  if (typeof job === 'string') return readJobDocument(await readJobText(world.store, job), job)
  return withoutPlaces(readJobDocument(JSON.stringify(job), null))
}

/** Lines and columns would be those of a text that the caller has never seen. */
function withoutPlaces({ parsed, remains, faults }: ReadDocument): ReadDocument {
  const unplaced = (list: readonly Fault[]) => list.map((fault) => ({ ...fault, line: null, column: null }))
  const bare = (one: ParsedDocument | null) =>
    one && { ...one, warnings: unplaced(one.warnings), place: (fault: Fault) => fault }
  return { parsed: bare(parsed), remains: bare(remains), faults: unplaced(faults) }
}

/** @throws job/unknown-job, job/syntax, job/invalid */
export async function readJob(world: World, job: StartEvent['job']): Promise<ParsedDocument> {
  const { parsed, faults } = await read(world, job)
  if (parsed === null) throw faultsError(faults)
  return parsed
}

/** A job with its document, and the values that went into its script. */
export interface ResolvedDocument extends ResolvedJob {
  readonly parsed: ParsedDocument
}

/** @throws job/* with all faults of the document and of its script */
export const readAndResolve = async (
  world: World,
  job: StartEvent['job'],
  occasion: Occasion,
): Promise<ResolvedDocument> => await resolveRead(world, await read(world, job), occasion)

/** In one pass: what is wrong with a document does not hide what is wrong with its script. @throws job/* with all faults */
export async function resolveRead(world: World, document: ReadDocument, occasion: Occasion): Promise<ResolvedDocument> {
  const { parsed, remains, faults } = document
  if (parsed !== null) return { parsed, ...(await resolveJob(parsed, resolutionOf(world, parsed, occasion))) }
  const more = remains === null ? [] : (await checkDocument(world, remains, occasion)).faults
  throw faultsError(worthTelling([...faults, ...more]))
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
  return (await resolveJob(parsed, resolutionOf(world, parsed, occasion))).spec
}

/** The same with its faults as a result. */
export async function checkDocument(world: World, parsed: ParsedDocument, occasion: Occasion): Promise<CheckedJob> {
  return await checkJob(parsed, resolutionOf(world, parsed, occasion))
}

function resolutionOf(world: World, { document }: ParsedDocument, occasion: Occasion): Resolution {
  const { trigger, scheduledAt, parameters = {}, datasources = {} } = occasion
  const timeZone = occasion.timeZone ?? zoneOfJob(document)
  return {
    catalogue,
    parameters: { ...triggerParameters(trigger), ...parameters },
    dates: runDatesOf(scheduledAt, timeZone),
    findDatasource: (name) => findDatasource(world, datasources, name),
    datasourceNames: () => datasourceNames(world, datasources),
    hoistSecret: null,
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
