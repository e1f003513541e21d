import { TransferError } from '../errors/index.ts'
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
 * event for the same bytes, finds the run; new bytes under the old key are a new run.
 */
export async function objectArrived(world: World, event: OssEvent, deadline: Deadline): Promise<Arrival[]> {
  const jobs = await loadDatedJobs(world)
  const arrivals: Arrival[] = []
  for (const { oss } of event.events) arrivals.push(await arriveOne(world, jobs, oss.bucket.name, oss.object, deadline))
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
): Promise<Arrival> {
  const waiting = jobs.filter(({ job }) => job.triggers.some((trigger) => waitsFor(world, trigger, bucket, object.key)))
  if (waiting.length === 0) await reportUnclaimed(world, bucket, object)
  const runs: string[] = []
  for (const { job, parsed } of waiting) {
    const trigger = { type: 'object', bucket, key: object.key, etag: object.eTag, size: object.size } as const
    const runKey = runKeyOfObject(job.name, bucket, object.key, object.eTag)
    const spec = await resolveDocument(world, parsed, { trigger, scheduledAt: world.clock.now() })
    runs.push((await startRun(world, { runKey, spec, trigger }, deadline)).runId)
  }
  return { key: object.key, runs }
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
