import { TransferError } from '../errors/index.ts'
import { watchedPrefix } from '../staging/keys.ts'
import { recordIncident } from './job-store.ts'
import type { DatedJob } from './jobs.ts'
import type { World } from './world.ts'

/** A job that waits where nobody looks would wait for ever, in silence. */
export async function reportUnwatched(world: World, jobs: readonly DatedJob[]): Promise<void> {
  for (const { job } of jobs) {
    for (const trigger of job.triggers) {
      if (trigger.type !== 'object' || trigger.prefix === '' || trigger.prefix.startsWith(watchedPrefix)) continue
      if ((trigger.bucket ?? world.store.bucket) !== world.store.bucket) continue
      const message = `job ${job.name} waits for objects under ${trigger.prefix}, where none is looked for: s.yaml watches ${watchedPrefix}`
      const incident = new TransferError('event/no-job', message, { job: job.name })
      await recordIncident(world.store, incident, world.clock.now())
    }
  }
}
