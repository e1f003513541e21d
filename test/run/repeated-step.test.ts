import { afterAll, beforeAll, expect, it } from 'vitest'
import { TransferError } from '../../shared/errors/index.ts'
import { type CrashPoint, crashPoints } from '../../shared/run/crash-points.ts'
import { StartEvent } from '../../shared/run/events.ts'
import { reportRun } from '../../shared/run/report.ts'
import { startJob } from '../../shared/run/start-job.ts'
import type { World } from '../../shared/run/world.ts'
import { ample, deliverTwice } from '../support/deliveries.ts'
import { startTestStack, type TestStack } from '../support/stack.ts'
import {
  atomicImport,
  cappedImport,
  objectImport,
  packedImport,
  sound,
  stagedImport,
  tableExport,
  tableImport,
} from '../support/subjects.ts'

/**
 * A step that fails anywhere is repeated by the platform, and the repeat alone brings the run to its end: `tick` never has
 * to look, so no run waits a minute for it.
 */
let stack: TestStack
beforeAll(async () => {
  stack = await startTestStack()
})
afterAll(() => stack?.close())

function failingAt(base: World, point: CrashPoint): { world: World; failed: () => boolean } {
  let failed = false
  const reach = (reached: CrashPoint) => {
    if (reached !== point || failed) return
    failed = true
    throw new TransferError('connect/lost', `stopped at ${point}`)
  }
  return { world: { ...base, reach }, failed: () => failed }
}

const cases = crashPoints.flatMap((point) =>
  [objectImport, packedImport, cappedImport, tableImport, stagedImport, atomicImport, tableExport].map(
    (subject) => [point, subject.name, subject] as const,
  ),
)
/** Points that a run of the kind never comes to. */
const away: Record<string, RegExp> = {
  objectImport: /^stage\/|between|in-publication|before-next/,
  packedImport: /stage\/mid-object|load\/mid|between|in-publication|before-next/,
  // As packedImport once it is staged.
  cappedImport: /^(start|plan|load|finish)\/|between|in-publication|before-next/,
  tableImport: /after-part|stage\/mid-object|stage\/after-object|between|in-publication|before-next/,
  // As tableImport before it is read, and once it is loaded.
  stagedImport: /^(start|plan|finish)\/|after-part|between/,
  // As tableImport until its end.
  atomicImport: /^(start|stage)\/|^load\/[bm]|between|before-next/,
  tableExport: /^load\/|after-part|between|in-publication|before-next/,
}

it.each(cases.filter(([point, kind]) => !away[kind]?.test(point)))('at %s, %s', async (point, _kind, subject) => {
  const { world, failed } = failingAt(stack.world, point)
  const deliverer = deliverTwice(world, { seed: 1, copies: 1 })
  const { job, table, expectDone } = await subject(stack)
  const event = StartEvent.parse({ job, idempotencyKey: table })
  const start = () => startJob(deliverer.world, event, ample)
  const { runId } = await start().catch(start)
  await deliverer.drain()
  expect(failed()).toBe(true)
  await using sql = await stack.world.connectSql(stack.adbpg, ample.signal)
  expect(await reportRun(sql, runId, new Date())).toMatchObject(sound)
  await expectDone()
})
