import { randomUUID } from 'node:crypto'
import { runKeyOfClient } from '../job/index.ts'
import type { StartEvent } from './events.ts'
import { readJob, resolveDocument } from './jobs.ts'
import { type StartedRun, startRun } from './start-run.ts'
import type { Deadline, World } from './world.ts'

/** A call by the CLI, an SDK, the API or `s invoke`. @throws job/*, connect/* */
export async function startJob(world: World, event: StartEvent, deadline: Deadline): Promise<StartedRun> {
  const parsed = await readJob(world, event.job)
  const key = event.idempotencyKey ?? randomUUID()
  const trigger = { type: 'client', key } as const
  const spec = await resolveDocument(world, parsed, {
    trigger,
    scheduledAt: world.clock.now(),
    parameters: event.parameters,
    datasources: event.datasources,
  })
  return await startRun(world, { runKey: runKeyOfClient(parsed.document.name, key), spec, trigger }, deadline)
}
