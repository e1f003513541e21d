import { randomUUID } from 'node:crypto'
import { runKeyOfClient } from '../job/index.ts'
import type { StartEvent } from './events.ts'
import { readAndResolve } from './jobs.ts'
import { type StartedRun, startRun } from './start-run.ts'
import type { Deadline, World } from './world.ts'

export interface StartedJob extends StartedRun {
  /** What of the job is not taken at its word. */
  readonly warnings: readonly string[]
}

/** A call by the CLI, an SDK, the API or `s invoke`. @throws job/*, connect/* */
export async function startJob(world: World, event: StartEvent, deadline: Deadline): Promise<StartedJob> {
  const key = event.idempotencyKey ?? randomUUID()
  const trigger = { type: 'client', key } as const
  const { parsed, spec } = await readAndResolve(world, event.job, {
    trigger,
    scheduledAt: world.clock.now(),
    parameters: event.parameters,
    datasources: event.datasources,
  })
  const runKey = runKeyOfClient(parsed.document.name, key)
  return { ...(await startRun(world, { runKey, spec, trigger }, deadline)), warnings: spec.warnings }
}
