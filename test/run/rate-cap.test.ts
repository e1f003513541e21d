import { afterAll, beforeAll, expect, it } from 'vitest'
import { copyText } from '../../shared/codecs/encoding.ts'
import type { RunId } from '../../shared/job/index.ts'
import { StartEvent } from '../../shared/run/events.ts'
import { capped, lanesUnderWay } from '../../shared/run/rate-cap.ts'
import { openRun, type RunContext } from '../../shared/run/run-context.ts'
import { startJob } from '../../shared/run/start-job.ts'
import type { World } from '../../shared/run/world.ts'
import { ample, deliverTwice, type Sent } from '../support/deliveries.ts'
import { dataxJob, fromOss, intoAdbpg, startTestStack, type TestStack, unique } from '../support/stack.ts'

let stack: TestStack
beforeAll(async () => {
  stack = await startTestStack()
})
afterAll(() => stack?.close())

/** A run that has been planned, and its pieces, one an object, which nobody works on until the test does. */
async function planned(objects: number, speed: Record<string, number>) {
  const table = unique('capped')
  await stack.sql(`create table public.${table} (id bigint)`)
  for (let n = 0; n < objects; n += 1) await stack.world.store.put(`data/${table}/${n}.csv`, Buffer.from(`${n}\n`))
  const deliverer = deliverTwice(stack.world, { seed: 1, copies: 1 })
  // Objects that nobody has scanned stand alone.
  const source = fromOss(`data/${table}/*.csv`, { multiLine: false })
  const job = dataxJob(table, source, intoAdbpg(`public.${table}`), { speed })
  const { runId } = await startJob(deliverer.world, StartEvent.parse({ job }), ample)
  await deliverer.execute(deliverer.sent[0] as Sent)
  const load = (ordinal: number) =>
    deliverer.execute({
      name: 'load',
      event: { step: 'load', runId, generation: 0, ledger: stack.adbpg, ordinal, part: 0 },
    } as Sent)
  return { runId, load, world: deliverer.world }
}

async function inRun<T>(world: World, runId: RunId, work: (context: RunContext) => Promise<T>): Promise<T> {
  await using sql = await stack.world.connectSql(stack.adbpg, ample.signal)
  return await work(await openRun(world, sql, { address: stack.adbpg, runId }, ample))
}

it('the lanes of a run are those in which a piece is left', async () => {
  const { runId, load, world } = await planned(7, { channel: 3 })
  const lanes = () => inRun(world, runId, ({ sql, run }) => lanesUnderWay(sql, run, 'load'))
  expect(await lanes()).toBe(3)
  for (const ordinal of [0, 1, 3]) await load(ordinal)
  // Chunks 2 and 5 of one lane, 4 and 6 of two others.
  expect(await lanes()).toBe(3)
  await load(6)
  expect(await lanes()).toBe(2)
  await load(4)
  expect(await lanes()).toBe(1)
})

it('a piece takes over the share of lanes that end while it moves, and closes what it asked with', async () => {
  const { runId, load, world } = await planned(2, { channel: 2, byte: 200_000 })
  let open = 0
  const connectSql: World['connectSql'] = async (...how) => {
    const session = await stack.world.connectSql(...how)
    open += 1
    return Object.assign(session, {
      [Symbol.asyncDispose]: ((close) => async () => {
        open -= 1
        await close()
      })(session[Symbol.asyncDispose].bind(session)),
    })
  }
  await inRun({ ...world, connectSql }, runId, async (context) => {
    const bytes = Buffer.from(`${'x'.repeat(99)}\n`.repeat(6000))
    const from = { name: 'oss://bucket/key', start: 0, firstRecord: 1 }
    const body = { encoding: copyText, newline: 0x0a, maxRecordBytes: 1000, origin: from, body: one(bytes) }
    const startedMs = performance.now()
    const moving = lengthOf((await capped(context, 'load', body)).body)
    await load(1)
    expect(await moving).toBe(bytes.length)
    const seconds = (performance.now() - startedMs) / 1000
    // Two seconds at half of the cap, two at the whole; six with an equal share to the end.
    expect(seconds).toBeGreaterThan(3.5)
    expect(seconds).toBeLessThan(5.5)
  })
  expect(open).toBe(0)
})

async function* one(bytes: Uint8Array) {
  yield bytes
}
async function lengthOf(body: AsyncIterable<Uint8Array>): Promise<number> {
  let length = 0
  for await (const piece of body) length += piece.length
  return length
}
