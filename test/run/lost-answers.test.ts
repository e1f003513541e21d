import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { StartEvent } from '../../shared/run/events.ts'
import { repairRun } from '../../shared/run/repair-run.ts'
import { reportRun } from '../../shared/run/report.ts'
import { openRun } from '../../shared/run/run-context.ts'
import { startJob } from '../../shared/run/start-job.ts'
import { ample, deliverTwice } from '../support/deliveries.ts'
import { losing } from '../support/losing-sessions.ts'
import { startTestStack, type TestStack } from '../support/stack.ts'
import { atomicImport, objectImport, type Subject, sound, tableExport, tableImport } from '../support/subjects.ts'

/**
 * The connection breaks at each thing that a run makes durable, in turn: once just before it, once just after, when it is
 * done but nobody has heard of it. The platform repeats the step, and every row is there once.
 */
let stack: TestStack
beforeAll(async () => {
  stack = await startTestStack()
})
afterAll(() => stack?.close())

/** @returns what was lost; null when the run had ended before the n-th */
async function runLosing({ job, table, expectDone }: Subject, nth: number, when: 'before' | 'after') {
  const { world: faulty, lost } = losing(stack.world, nth, when)
  const deliverer = deliverTwice(faulty, { seed: nth, copies: 1 })
  const event = StartEvent.parse({ job, idempotencyKey: table })
  const start = () => startJob(deliverer.world, event, ample)
  const { runId } = await start().catch((error: unknown) => {
    if (lost() === null) throw error
    // A caller who got no answer calls again with the same key.
    return start()
  })
  await deliverer.drain()
  await using sql = await stack.world.connectSql(stack.adbpg, ample.signal)
  // What a step did not come to send, `tick` does.
  const hasty = { ...deliverer.world, settings: { ...faulty.settings, leaseMs: 0 } }
  const look = async () => await reportRun(sql, runId, new Date())
  for (let round = 0; round < 3 && (await look())?.state === 'running'; round += 1) {
    await repairRun(await openRun(hasty, sql, { address: stack.adbpg, runId }, ample))
    await deliverer.drain()
  }
  const report = await look()
  const what = `${nth}, ${when} ${lost()}`
  expect({ what, ...report }).toMatchObject({ what, ...sound })
  await expectDone()
  return lost()
}

const atOnce = 5

describe.each([
  ['an import of an object', objectImport, ['before', 'after']],
  ['an import of a table', tableImport, ['before', 'after']],
  ['an atomic import of a table', atomicImport, ['before', 'after']],
  ['an export', tableExport, ['before', 'after']],
] as const)('%s', (_what, subject, whens) => {
  it.each(whens)('is whole when the connection breaks %s anything durable', async (when) => {
    let tried = 0
    for (let first = 1, isOver = false; !isOver; first += atOnce) {
      const numbers = [...Array(atOnce).keys()].map((n) => first + n)
      const lost = await Promise.all(numbers.map(async (nth) => await runLosing(await subject(stack), nth, when)))
      tried += lost.filter((what) => what !== null).length
      isOver = lost.includes(null)
    }
    expect(tried).toBeGreaterThan(8)
  })
})
