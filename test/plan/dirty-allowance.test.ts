import fc from 'fast-check'
import { expect, test } from 'vitest'
import { dirtyAllowance, percentText } from '../../shared/plan/dirty-allowance.ts'

const unknown = { read: 0, planned: null, bytesLeft: null, leastRecordBytes: 5 }

test.each([
  ['a count is itself', { record: 7, percentage: null }, unknown, 7],
  ['a count goes before a share', { record: 0, percentage: 0.5 }, { ...unknown, planned: 100 }, 0],
  ['no limit', { record: null, percentage: null }, { ...unknown, planned: 100 }, null],
  ['a share of what nobody knows', { record: null, percentage: 0.1 }, unknown, null],
  ['a share of what is planned', { record: null, percentage: 0.1 }, { ...unknown, planned: 99 }, 9],
  [
    'a share of the most that bytes can hold',
    { record: null, percentage: 0.1 },
    { ...unknown, read: 30, bytesLeft: 352 },
    10,
  ],
  ['a share of nothing', { record: null, percentage: 0 }, { ...unknown, read: 30, bytesLeft: 0 }, 0],
])('%s', (_what, limit, known, expected) => {
  expect(dirtyAllowance(limit, known).records).toBe(expected)
})

test('no run that ends within its share is ended early', () => {
  const run = fc.record({
    percentage: fc.double({ min: 0, max: 1, noNaN: true }),
    read: fc.nat(10_000),
    coming: fc.array(fc.integer({ min: 5, max: 40 }), { maxLength: 50 }),
    dirty: fc.nat(10_000),
  })
  fc.assert(
    fc.property(run, ({ percentage, read, coming, dirty }) => {
      const bytesLeft = coming.reduce((sum, bytes) => sum + bytes, 0)
      const known = { read, planned: null, bytesLeft, leastRecordBytes: 5 }
      const allowed = dirtyAllowance({ record: null, percentage }, known).records ?? Number.POSITIVE_INFINITY
      const total = read + coming.length
      const endsWell = total === 0 || dirty / total <= percentage
      if (endsWell && dirty <= total) expect(dirty).toBeLessThanOrEqual(allowed)
    }),
  )
})

test('a share is told as people write it', () => {
  expect([0.0199, 0.29, 0.07, 0.001, 1 / 3, 1, 1e-7].map(percentText)).toEqual([
    ...['1.99 %', '29 %', '7 %', '0.1 %', '33.3333333333 %', '100 %', '0.00001 %'],
  ])
})
