import { TransferError } from '../errors/index.ts'
import type { ObjectTrigger } from '../job/index.ts'
import { watchedPrefix } from '../staging/keys.ts'
import { recordDocumentIncident } from './job-store.ts'
import type { DatedJob } from './jobs.ts'
import type { World } from './world.ts'

/** A job that waits where nobody looks would wait for ever, in silence: it becomes an incident. */
export async function reportUnwatched(world: World, jobs: readonly DatedJob[]): Promise<void> {
  for (const { job, version } of jobs) {
    for (const trigger of job.triggers) {
      if (trigger.type !== 'object' || isWatched(world, trigger)) continue
      const message = `job ${job.name} waits for objects under ${trigger.prefix}, and the object function hears only of ${watchedPrefix}: drop them there, or change the filter of its trigger in s.yaml`
      const told = new TransferError('job/unsupported', message, { job: job.name })
      await recordDocumentIncident(world.store, told, version, world.clock.now())
    }
  }
}

/** Of another bucket than ours we do not know what is watched. */
const isWatched = ({ store }: World, { bucket = store.bucket, prefix }: ObjectTrigger) =>
  bucket !== store.bucket || prefix.startsWith(watchedPrefix) || watchedPrefix.startsWith(prefix)
