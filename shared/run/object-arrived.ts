import { asTransferError, TransferError } from '../errors/index.ts'
import { type JobDocument, type ObjectTrigger, runKeyOfObject } from '../job/index.ts'
import type { OssEvent } from './events.ts'
import { recordIncident } from './job-store.ts'
import { type DatedJob, loadDatedJobs, resolveDocument } from './jobs.ts'
import { startRun } from './start-run.ts'
import type { Deadline, World } from './world.ts'

export interface Arrival {
  readonly key: string
  readonly runs: readonly string[]
}

/**
 * Starts a run for each job that waits for the object. The run's key holds the ETag, so a second delivery, or a second
 * event for the same bytes, finds the run; new bytes under the old key are a new run. One job in trouble does not keep the
 * others waiting.
 * @throws what may pass, once everything else has started: the platform's repeat finds those runs and tries the rest
 */
export async function objectArrived(world: World, event: OssEvent, deadline: Deadline): Promise<Arrival[]> {
  const jobs = await loadDatedJobs(world)
  const arrivals: Arrival[] = []
  const passing: TransferError[] = []
  for (const { oss } of event.events)
    arrivals.push(await arriveOne(world, jobs, oss.bucket.name, oss.object, deadline, passing))
  if (passing[0] !== undefined) throw passing[0]
  return arrivals
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
  const waiting = jobs.filter(({ job }) => job.triggers.some((trigger) => waitsFor(world, trigger, bucket, object.key)))
  if (waiting.length === 0) await reportUnclaimed(world, bucket, object)
  const runs: string[] = []
  for (const dated of waiting) {
    try {
      runs.push(await startWaiting(world, dated, bucket, object, deadline))
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
): Promise<string> {
  const trigger = { type: 'object', bucket, key: object.key, etag: object.eTag, size: object.size } as const
  const runKey = runKeyOfObject(job.name, bucket, object.key, object.eTag)
  const spec = await resolveDocument(world, parsed, { trigger, scheduledAt: world.clock.now() })
  return (await startRun(world, { runKey, spec, trigger }, deadline)).runId
}

/** There is no run to keep the error, so an incident does. */
async function reportNotStarted(world: World, job: string, key: string, error: TransferError): Promise<void> {
  world.log.error(`${job} was not started`, { error: error.report() })
  const message = `job ${job} was not started for ${key}: ${error.message}`
  const incident = new TransferError(error.code, message, { ...error.context, job, key }, { cause: error })
  await recordIncident(world.store, incident, world.clock.now())
}

function waitsFor(world: World, trigger: JobDocument['triggers'][number], bucket: string, key: string): boolean {
  if (trigger.type !== 'object') return false
  const { prefix, suffix }: ObjectTrigger = trigger
  return (trigger.bucket ?? world.store.bucket) === bucket && key.startsWith(prefix) && key.endsWith(suffix)
}

async function reportUnclaimed(world: World, bucket: string, object: Arrived): Promise<void> {
  const error = new TransferError('event/no-job', `no job waits for oss://${bucket}/${object.key}`, {
    bucket,
    key: object.key,
  })
  world.log.warn(error.message, { error: error.report() })
  await recordIncident(world.store, error, world.clock.now())
}
