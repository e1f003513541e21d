import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { RunId } from '../../shared/job/index.ts'
import type { FunctionName } from '../../shared/ports/index.ts'
import { FinishEvent, StartEvent, TickEvent } from '../../shared/run/events.ts'
import { finishRun } from '../../shared/run/finish-run.ts'
import { listIncidents } from '../../shared/run/job-store.ts'
import { reportRun } from '../../shared/run/report.ts'
import { startJob } from '../../shared/run/start-job.ts'
import { tick } from '../../shared/run/tick.ts'
import type { World } from '../../shared/run/world.ts'
import { ample } from '../support/deliveries.ts'
import { startTestStack, type TestStack } from '../support/stack.ts'
import { objectImport } from '../support/subjects.ts'

/** What the platform does with an event whose retries it has used up: `tick` is its destination. */
let stack: TestStack
beforeAll(async () => {
  stack = await startTestStack()
})
afterAll(() => stack?.close())

/** A run whose plan was sent, and never arrives. */
async function started() {
  const sent: [FunctionName, unknown, string][] = []
  const world: World = {
    ...stack.world,
    settings: { ...stack.world.settings, leaseMs: 0 },
    invoker: {
      ...stack.world.invoker,
      invokeAsync: async (name, event, taskId) => {
        sent.push([name, event, taskId])
        return 'queued'
      },
    },
  }
  const { job } = await objectImport(stack)
  const { runId } = await startJob(world, StartEvent.parse({ job }), ample)
  const plan = sent[0]?.[1]
  const fail = async (requestPayload: unknown, errorMessage: string | null) => {
    const responsePayload = errorMessage === null ? null : { errorMessage, errorType: 'Error' }
    const requestContext = { requestId: `q-${runId}`, condition: 'RetriesExhausted', approximateInvokeCount: 4 }
    await tick(world, TickEvent.parse({ requestContext, requestPayload, responsePayload }), ample)
  }
  const everyMinute = { triggerTime: new Date().toISOString(), triggerName: 'every-minute', payload: '' }
  const repair = () => tick(world, everyMinute, ample)
  return { world, sent, runId, plan, fail, repair }
}

async function stateOf(world: World, runId: RunId) {
  await using sql = await world.connectSql(stack.adbpg, ample.signal)
  const report = await reportRun(sql, runId, new Date())
  return { state: report?.state, code: report?.error?.code ?? null, message: report?.error?.message ?? '' }
}
const incidentsOf = async (runId: RunId) =>
  (await listIncidents(stack.world.store, 1000)).filter(({ message }) => message.includes(runId))

describe('an event that the platform gave up', () => {
  it('over an outage is told, and sent again by the next look', async () => {
    const { world, sent, runId, plan, fail, repair } = await started()
    // Pieces of a planned run wait for the ends of the job too.
    await fail({ ...(plan as object), step: 'load', ordinal: 0, part: 0 }, 'connect/unreachable: no answer from h:1')
    expect(await stateOf(world, runId)).toMatchObject({ state: 'planning' })
    expect(await incidentsOf(runId)).toHaveLength(1)
    await fail(plan, 'platform/unavailable: 503')
    expect(await stateOf(world, runId)).toMatchObject({ state: 'planning' })
    expect((await incidentsOf(runId)).filter(({ message }) => message.startsWith('plan'))).toMatchObject([
      { code: 'run/gave-up', context: { runId } },
    ])
    await repair()
    const plans = sent.filter(([name, event]) => name === 'plan' && (event as { runId: string }).runId === runId)
    expect(new Set(plans.map(([, , taskId]) => taskId)).size).toBe(2)
  })

  it('ends the run when the outage outlasts every sending', async () => {
    const { world, sent, runId, plan, fail, repair } = await started()
    for (let sending = 1; sending < 7; sending += 1) {
      await fail(plan, 'platform/unavailable: 503')
      expect(await stateOf(world, runId)).toMatchObject({ state: 'planning' })
      await repair()
    }
    await fail(plan, 'platform/unavailable: 503')
    const finish = sent.find(([name, event]) => name === 'finish' && (event as { runId: string }).runId === runId)
    await finishRun(world, FinishEvent.parse(finish?.[1]), ample)
    expect(await stateOf(world, runId)).toMatchObject({ state: 'failed', code: 'run/gave-up' })
  })

  it.each([
    ['a bug', 'internal/bug: x is undefined'],
    ['a function that was killed', 'Process exited unexpectedly before completing request (duration: 3ms)'],
    ['nothing that could be read', null],
  ])('over %s ends the run at once, with the reason', async (_what, errorMessage) => {
    const { world, sent, runId, plan, fail } = await started()
    await fail(plan, errorMessage)
    const finish = sent.find(([name]) => name === 'finish')
    await finishRun(world, FinishEvent.parse(finish?.[1]), ample)
    const { state, code, message } = await stateOf(world, runId)
    expect({ state, code }).toEqual({ state: 'failed', code: 'run/gave-up' })
    expect(message).toContain('plan run failed for good after 4 attempts, the last with: ')
    expect(message).toContain(errorMessage ?? 'no reason was given')
  })

  it('before anything was planned ends the run when it was one end of the job that could not be reached', async () => {
    const { world, sent, runId, plan, fail } = await started()
    await fail(plan, 'connect/unreachable: no answer from h:1')
    const finish = sent.find(([name, event]) => name === 'finish' && (event as { runId: string }).runId === runId)
    await finishRun(world, FinishEvent.parse(finish?.[1]), ample)
    const { state, code, message } = await stateOf(world, runId)
    expect({ state, code, message }).toEqual({
      state: 'failed',
      code: 'connect/unreachable',
      message: 'no answer from h:1',
    })
  })

  it('of a generation that retry has left behind changes nothing', async () => {
    const { world, sent, runId, plan, fail } = await started()
    await fail({ ...(plan as object), generation: 7 }, 'internal/bug: x')
    expect(await stateOf(world, runId)).toMatchObject({ state: 'planning' })
    expect(sent.filter(([name]) => name === 'finish')).toEqual([])
  })

  it('that was a start, or none of ours, is an incident', async () => {
    const { fail, runId } = await started()
    await fail({ job: 'orders' }, `connect/unreachable: of ${runId}`)
    await fail({ what: 'ever' }, `something of ${runId}`)
    const messages = (await incidentsOf(runId)).map(({ message }) => message)
    expect(messages.some((message) => message.startsWith('a start failed'))).toBe(true)
    expect(messages.some((message) => message.startsWith('an event failed'))).toBe(true)
  })
})
