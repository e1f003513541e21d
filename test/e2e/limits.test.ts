import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { dataxJob, fromOss, intoAdbpg, startTestStack, type TestStack, unique } from '../support/stack.ts'

let stack: TestStack
beforeAll(async () => {
  stack = await startTestStack()
})
afterAll(() => stack?.close())

async function makeTable(prefix: string): Promise<string> {
  const table = unique(prefix)
  await stack.sql(`create table public.${table} (id bigint primary key, note text)`)
  return table
}

const rowOf = (n: number) => `${n},${'x'.repeat(90)}\n`
const megabyte = Buffer.from([...Array(10_000).keys()].map(rowOf).join(''))

/** How many COPYs into the table are seen at once, until the run has ended. */
async function mostCopiesDuring<T>(table: string, run: Promise<T>): Promise<{ most: number; result: T }> {
  let isOver = false
  const result = run.finally(() => {
    isOver = true
  })
  let most = 0
  while (!isOver) {
    const [seen] = await stack.sql<{ copies: number }>(
      `select count(*)::integer as copies from pg_stat_activity where state = 'active' and query like 'copy%${table}%'`,
    )
    most = Math.max(most, seen?.copies ?? 0)
    await sleep(20)
  }
  return { most, result: await result }
}

it.each([
  ['bytes', { channel: 3, byte: 300_000 }],
  ['records', { channel: 3, record: 3_000 }],
])('a run of several functions keeps its cap of %s, and uses it', async (_what, speed) => {
  const table = await makeTable('paced')
  await stack.world.store.put(`data/${table}.csv`, megabyte)
  const job = dataxJob(table, fromOss(`data/${table}.csv`), intoAdbpg(`public.${table}`), { speed })
  const { most, result } = await mostCopiesDuring(table, stack.run({ job }))
  expect(result).toMatchObject({ state: 'succeeded', rows: { read: 10_000, loaded: 10_000 } })
  expect(most).toBeLessThanOrEqual(3)
  // 3.3 s at the cap; cold starts and the last chunks, which leave lanes empty, come on top.
  expect(result.seconds).toBeGreaterThan(2.9)
  expect(result.seconds).toBeLessThan(6)
})
