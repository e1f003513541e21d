import { expect, it } from 'vitest'
import type { Found } from '../../shared/run/dirty.ts'
import type { DirtyLog } from '../../shared/run/dirty-log.ts'
import { holdDirty } from '../../shared/run/held-dirty.ts'

const found = (record: number, rawLength: number): Found => ({
  source: 'oss://b/k',
  record,
  offset: null,
  bytes: rawLength,
  column: null,
  code: 'record/format',
  sqlstate: null,
  reason: 'no number',
  raw: 'x'.repeat(rawLength),
  rawEncoding: 'utf8',
})

/** What is told, and how often the start was asked for. */
function held(allowsNone = false) {
  const told: number[] = []
  let asked = 0
  const log: DirtyLog = {
    add: async ({ record }) => void told.push(record),
    count: () => told.length,
    byPart: () => new Map(),
    close: async () => 'dirty/',
  }
  const confirm = async () => {
    asked += 1
    return { offset: 0, firstRecord: 101 }
  }
  return { log: holdDirty(log, { confirm }, allowsNone), told, asked: () => asked }
}

it('tells nobody before the start is known, and then the numbers of the file', async () => {
  const { log, told, asked } = held()
  for (const record of [1, 2, 9]) await log.add(found(record, 100))
  expect([told, log.count(), asked()]).toEqual([[], 3, 0])
  await log.close()
  expect([told, log.count()]).toEqual([[101, 102, 109], 3])
})

it('keeps no more than a megabyte of long records back, nor more than a thousand short ones', async () => {
  const long = held()
  for (let record = 1; record <= 12; record += 1) await long.log.add(found(record, 100_000))
  expect(long.told).toHaveLength(11)
  const short = held()
  for (let record = 1; record <= 1001; record += 1) await short.log.add(found(record, 10))
  expect(short.told).toHaveLength(1000)
})

it('asks at once where none is allowed', async () => {
  const { log, told } = held(true)
  await log.add(found(5, 10))
  expect(told).toEqual([105])
})
