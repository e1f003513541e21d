import { asTransferError, TransferError } from '../errors/index.ts'
import { type Fault, faultsError, isError, pathText, worthTelling } from '../job/fault.ts'
import { cronOf, JobName, type ParameterTrigger, type ParsedDocument, policyOf, readJobDocument } from '../job/index.ts'
import { jobKey } from '../staging/keys.ts'
import { listRunsEverywhere, type SilentLedger } from './find-run.ts'
import { listJobs, maxDocumentBytes, readJobText, type StoredJob } from './job-store.ts'
import { checkDocument } from './jobs.ts'
import type { Deadline, World } from './world.ts'

/** A document that may be stored, with what deserves a word. */
export interface CheckedText {
  readonly parsed: ParsedDocument
  readonly warnings: readonly Fault[]
}

/**
 * All that can be known of a document before it runs. A parameter without a value and a datasource that is not registered are
 * warnings: a caller may bring the one, and somebody register the other.
 * @param name what it is stored as, and is called when its text does not say
 * @throws job/*, with a line per fault
 */
export async function checkJobText(world: World, text: string, name: string | null): Promise<CheckedText> {
  if (Buffer.byteLength(text) > maxDocumentBytes)
    throw new TransferError('event/too-large', `a job document has at most ${maxDocumentBytes} bytes`)
  const { parsed, remains, faults } = readJobDocument(text, name)
  const document = parsed ?? remains
  const more = document === null ? [] : await faultsOfStart(world, document)
  const all = parsed === null ? worthTelling([...faults, ...more]) : more
  if (parsed === null || all.filter(isError).some((fault) => !isOfStart(fault, all))) throw faultsError(all)
  return { parsed, warnings: all }
}

async function faultsOfStart(world: World, document: ParsedDocument): Promise<readonly Fault[]> {
  const occasion = { trigger: exampleOf(world, document), scheduledAt: world.clock.now() }
  return (await checkDocument(world, document, occasion)).faults
}

/** Who starts a job gives parameters, and datasources may come later; a text without its values looks wrong. */
function isOfStart({ code, path }: Fault, all: readonly Fault[]): boolean {
  if (code === 'job/unknown-parameter' || code === 'job/unknown-datasource') return true
  const at = pathText(path)
  return all.some((other) => other.code === 'job/unknown-parameter' && pathText(other.path).startsWith(at))
}

/** What a trigger would tell, for references to it to have a value. */
function exampleOf({ store }: World, { document }: ParsedDocument): ParameterTrigger {
  const trigger = document.triggers.find((one) => one.type === 'object')
  if (trigger?.type !== 'object') return { type: 'client' }
  const { bucket = store.bucket, prefix, suffix } = trigger
  return { type: 'object', bucket, key: `${prefix}example${suffix}`, etag: '0', size: 0 }
}

/**
 * Keeps a document under the name it has. Runs that have begun keep the one they began with.
 * @throws job/* for one that is broken, or a name that is taken when `replace` is false
 */
export async function saveJob(
  world: World,
  text: string,
  { name, replace }: { name: string | null; replace: boolean },
): Promise<CheckedText> {
  const checked = await checkJobText(world, text, name)
  const { document } = checked.parsed
  refuseOtherName(document.name, name)
  const options = { contentType: 'application/json', ifAbsent: !replace }
  try {
    await world.store.put(jobKey(document.name), Buffer.from(text), options)
  } catch (thrown) {
    if (asTransferError(thrown).code !== 'target/object-exists') throw thrown
    const message = `a job ${document.name} is stored already`
    throw new TransferError('job/name-taken', message, { job: document.name }, { cause: thrown })
  }
  return checked
}

/** It would be found by the one name and run by the other. @throws job/invalid */
export function refuseOtherName(own: string, wanted: string | null): void {
  if (wanted === null || own === wanted) return
  const message = `name: the document says ${own}, and it would be stored as ${wanted}; make them the same`
  throw new TransferError('job/invalid', message, { job: wanted })
}

export interface ListedJob {
  readonly name: string
  readonly savedAt: Date
  /** In words; empty where the document cannot be read. */
  readonly triggers: readonly string[]
  /** null: it can be read. */
  readonly error: { readonly code: string; readonly message: string } | null
}

const readAtOnce = 16

export async function listStoredJobs({ store }: Pick<World, 'store'>): Promise<ListedJob[]> {
  const stored: StoredJob[] = []
  for await (const one of listJobs(store)) stored.push(one)
  const listed: ListedJob[] = []
  for (let at = 0; at < stored.length; at += readAtOnce)
    listed.push(...(await Promise.all(stored.slice(at, at + readAtOnce).map(listedOf))).filter((one) => one !== null))
  return listed
}

async function listedOf(stored: StoredJob): Promise<ListedJob | null> {
  const { name, savedAt } = stored
  try {
    const text = await stored.text()
    if (text === null) return null
    const { parsed, faults } = readJobDocument(text, name)
    if (parsed === null) throw faultsError(faults)
    return { name, savedAt, triggers: triggersOf(parsed), error: null }
  } catch (thrown) {
    const { code, message, policy } = asTransferError(thrown)
    if (policy.retry === 'again') throw thrown
    return { name, savedAt, triggers: [], error: { code, message } }
  }
}

function triggersOf({ document }: ParsedDocument): string[] {
  const paused = policyOf(document).mode === 'paused' ? ' (paused)' : ''
  return document.triggers.map((trigger) => {
    if (trigger.type === 'object') return `object ${trigger.prefix}*${trigger.suffix}`
    return `schedule ${cronOf(trigger)}${paused}`
  })
}

export interface RemovedJob {
  readonly name: string
  /** They will not start it any more. */
  readonly triggers: readonly string[]
  /** They go on: each has the job as it was when it began. */
  readonly openRuns: readonly string[]
  /** Their cycles cannot begin without it. */
  readonly dependents: readonly string[]
  /** Ledgers whose open runs are not known. */
  readonly silent: readonly SilentLedger[]
}

const openRunsTold = 100

/** Forgets a stored job, also one that cannot be read. What its runs have left stays. @throws job/unknown-job */
export async function removeJob(world: World, name: string, deadline: Deadline): Promise<RemovedJob> {
  const text = await readJobText(world.store, name)
  const { parsed } = readJobDocument(text, name)
  await world.store.remove([jobKey(name)])
  const { runs, silent } = await openRunsOf(world, parsed?.document.name ?? name, deadline)
  return {
    name,
    triggers: parsed === null ? [] : triggersOf(parsed),
    openRuns: runs,
    dependents: await dependentsOf(world, name),
    silent,
  }
}

async function openRunsOf(world: World, name: string, deadline: Deadline) {
  const job = JobName.safeParse(name)
  if (!job.success) return { runs: [], silent: [] }
  const filter = { job: job.data, limit: openRunsTold }
  const running = await listRunsEverywhere(world, deadline, { ...filter, state: 'running' })
  const waiting = await listRunsEverywhere(world, deadline, { ...filter, state: 'waiting' })
  return { runs: [...running.runs, ...waiting.runs].map(({ runId }) => runId), silent: running.silent }
}

async function dependentsOf(world: World, name: string): Promise<string[]> {
  const dependents: string[] = []
  for await (const stored of listJobs(world.store)) {
    const { parsed } = readJobDocument((await stored.text()) ?? '', stored.name)
    if (parsed !== null && policyOf(parsed.document).dependsOn.some((other) => other === name))
      dependents.push(stored.name)
  }
  return dependents
}
