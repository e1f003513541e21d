import { asTransferError, TransferError } from '../errors/index.ts'
import type { JobDocument, ObjectTrigger, RunId } from '../job/index.ts'
import { arrive } from './arrive.ts'
import type { OssEvent } from './events.ts'
import { recordIncident } from './job-store.ts'
import { type DatedJob, loadDatedJobs, resolveDocument } from './jobs.ts'
import { type Configuration, isNewEnough, readingOnce } from './remembered.ts'
import type { Deadline, World } from './world.ts'

export interface Arrival {
  readonly key: string
  /** Those that have the object; a job whose run is under way takes it with the next. */
  readonly runs: readonly string[]
}

/**
 * Each job that waits for the object gets it, in a run of its own or in one with others (`arrive`). What it is known by holds the
 * ETag, so a second delivery, or a second event for the same bytes, finds its run; new bytes under the old key are loaded anew.
 * One job in trouble does not keep the others waiting.
 * @throws what may pass, once everything else has started: the platform's repeat finds those runs and tries the rest
 */
export async function objectArrived(world: World, event: OssEvent, deadline: Deadline): Promise<Arrival[]> {
  const arrivals: Arrival[] = []
  const passing: TransferError[] = []
  for (const { oss, eventTime } of event.events) {
    const { jobs, store } = await configurationAt(world, new Date(eventTime))
    arrivals.push(await arriveOne({ ...world, store }, jobs, oss.bucket.name, oss.object, deadline, passing))
  }
  if (passing[0] !== undefined) throw passing[0]
  return arrivals
}

/** As it was when something happened, or later. */
async function configurationAt(world: World, happenedAt: Date): Promise<Configuration> {
  const { remembered } = world
  const known = remembered?.configuration ?? null
  if (known !== null && isNewEnough(known, happenedAt)) return known
  const readAt = world.clock.now()
  const configuration = { readAt, jobs: await loadDatedJobs(world), store: readingOnce(world.store) }
  if (remembered !== undefined) remembered.configuration = configuration
  return configuration
}

interface Arrived {
  readonly key: string
  readonly eTag: string
  readonly size: number
}

async function arriveOne(
  world: World,
  jobs: readonly DatedJob[],
  bucket: string,
  object: Arrived,
  deadline: Deadline,
  passing: TransferError[],
): Promise<Arrival> {
  const waiting = jobs.filter(({ job }) => triggerFor(world, job, bucket, object.key) !== undefined)
  if (waiting.length === 0) await reportUnclaimed(world, bucket, object)
  const runs: string[] = []
  for (const dated of waiting) {
    try {
      const runId = await startWaiting(world, dated, bucket, object, deadline)
      if (runId !== null) runs.push(runId)
    } catch (thrown) {
      const error = asTransferError(thrown)
      if (error.policy.retry === 'again') passing.push(error)
      else await reportNotStarted(world, dated.job.name, object.key, error)
    }
  }
  return { key: object.key, runs }
}

async function startWaiting(
  world: World,
  { job, parsed }: DatedJob,
  bucket: string,
  object: Arrived,
  deadline: Deadline,
): Promise<RunId | null> {
  const { key, eTag: etag, size } = object
  const occasion = { trigger: { type: 'object', bucket, key, etag, size }, scheduledAt: world.clock.now() } as const
  const spec = await resolveDocument(world, parsed, occasion)
  const trigger = triggerFor(world, job, bucket, key)
  if (trigger === undefined) throw new TransferError('internal/bug', 'a job was asked that does not wait', { key })
  return await arrive(world, { spec, trigger, bucket, key, etag, size }, deadline)
}

/** There is no run to keep the error, so an incident does. */
async function reportNotStarted(world: World, job: string, key: string, error: TransferError): Promise<void> {
  world.log.error(`${job} was not started`, { error: error.report() })
  const message = `job ${job} was not started for ${key}: ${error.message}`
  const incident = new TransferError(error.code, message, { ...error.context, job, key }, { cause: error })
  await recordIncident(world.store, incident, world.clock.now())
}

/** The trigger of the job that the object meets. */
const triggerFor = (world: World, { triggers }: JobDocument, bucket: string, key: string): ObjectTrigger | undefined =>
  triggers
    .filter((trigger) => trigger.type === 'object')
    .find(
      (trigger) =>
        (trigger.bucket ?? world.store.bucket) === bucket &&
        key.startsWith(trigger.prefix) &&
        key.endsWith(trigger.suffix),
    )

async function reportUnclaimed(world: World, bucket: string, object: Arrived): Promise<void> {
  const error = new TransferError('event/no-job', `no job waits for oss://${bucket}/${object.key}`, {
    bucket,
    key: object.key,
  })
  world.log.warn(error.message, { error: error.report() })
  await recordIncident(world.store, error, world.clock.now())
}
