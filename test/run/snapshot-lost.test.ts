import { afterAll, beforeAll, expect, it } from 'vitest'
import { isAlive } from '../../shared/ledger/index.ts'
import type { FunctionName } from '../../shared/ports/index.ts'
import { PlanEvent, StageEvent, StartEvent } from '../../shared/run/events.ts'
import { planRun } from '../../shared/run/plan-run.ts'
import { reportRun } from '../../shared/run/report.ts'
import { stageSlice } from '../../shared/run/stage-slice.ts'
import { startJob } from '../../shared/run/start-job.ts'
import { runStep } from '../../shared/run/step.ts'
import { tick } from '../../shared/run/tick.ts'
import type { Deadline, World } from '../../shared/run/world.ts'
import { ample, deliverTwice } from '../support/deliveries.ts'
import { eventually } from '../support/fc.ts'
import { startTestStack, type TestStack } from '../support/stack.ts'
import { type Subject, sound, tableExport } from '../support/subjects.ts'
import { transform } from '../support/transformed.ts'

let stack: TestStack
beforeAll(async () => {
  stack = await startTestStack()
})
afterAll(() => stack?.close())

/** Runs an export whose planner is killed after `sealedBefore` of its slices were sealed. @returns what the run came to */
async function losingThePlanner(job: Subject['job'], sealedBefore: number) {
  const sent: [FunctionName, unknown][] = []
  const invokeAsync = async (name: FunctionName, event: unknown) => {
    sent.push([name, event])
    return 'queued' as const
  }
  const world: World = { ...stack.world, invoker: { ...stack.world.invoker, invokeAsync } }
  const { runId } = await startJob(world, StartEvent.parse({ job }), ample)
  const killed = new AbortController()
  const deadline: Deadline = { ...ample, signal: killed.signal }
  const planning = runStep(world, PlanEvent.parse(sent.shift()?.[1]), deadline, planRun).catch(() => null)
  await eventually(() => sent.filter(([name]) => name === 'stage').length > 1)
  for (const [, event] of sent.slice(0, sealedBefore)) await runStep(world, StageEvent.parse(event), ample, stageSlice)
  killed.abort()
  await planning
  await using sql = await stack.world.connectSql(stack.adbpg, ample.signal)
  // The server ends the planner's sessions one after the other; while it counts as alive, its slices are tried again.
  const planner = { runId, generation: 0, step: 'plan', piece: 'run' } as const
  await eventually(async () => ((await isAlive(sql, planner)) ? null : true))
  const stages = sent.splice(0).filter(([name]) => name === 'stage')
  expect(stages.length).toBeGreaterThan(1)
  // As often as the platform would repeat it, and more.
  for (const [, event] of [...stages, ...stages, ...stages])
    expect(await runStep(world, StageEvent.parse(event), ample, stageSlice)).toEqual({ outcome: 'done' })
  const deliverer = deliverTwice(stack.world, { seed: 1, copies: 1 })
  const hasty = { ...deliverer.world, settings: { ...stack.world.settings, leaseMs: 0 } }
  await tick(hasty, { triggerTime: new Date().toISOString(), triggerName: 'every-minute', payload: '' }, ample)
  await deliverer.drain()
  return await reportRun(sql, runId, new Date())
}

it('an export whose planner died goes on in a new epoch: its slices wait for that, and do not end the run', async () => {
  const { job, expectDone } = await tableExport(stack)
  expect(await losingThePlanner(job, 0)).toMatchObject(sound)
  await expectDone()
})

it('what slices of the epoch before have left out and refused does not count', async () => {
  const { job, table } = await tableExport(stack)
  await stack.sql(
    `update public.${table} set note = case when id % 5 = 0 then 'drop ' || id when id % 50 = 7 then 'x' else 'note' end`,
  )
  const count = `select count(*)::integer as read, count(case when note = 'x' then 1 end)::integer as dirty,
    count(case when note = 'note' then 1 end)::integer as loaded from public.${table}`
  const [counts] = await stack.sql<{ read: number; dirty: number; loaded: number }>(count)
  const setting = { speed: { channel: 2 }, errorLimit: { record: counts?.dirty } }
  const script = { job: { ...job.script.job, setting } }
  const report = await losingThePlanner({ ...job, script, transform } as Subject['job'], 1)
  expect(report).toMatchObject({ state: 'succeeded', rows: counts })
})
