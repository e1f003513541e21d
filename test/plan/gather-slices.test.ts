import { expect, it } from 'vitest'
import type { PlannedSlice } from '../../shared/connectors/contract.ts'
import { gatherDecision, gatherSlices } from '../../shared/plan/gather-slices.ts'

const ending = Buffer.from('\n')
const join = ({ kind }: PlannedSlice['slice']) => (kind === 'alone' ? null : { key: String(kind), ending })
const planned = (name: string, bytes: number | null, kind = 'lf', records: number | null = 10): PlannedSlice => ({
  slice: { name, kind },
  bytes,
  records,
})
const megabytes = 1024 * 1024
const request = { targetBytes: 64 * megabytes, concurrent: 2, join }

const namesOf = (slices: readonly PlannedSlice[], limits = request) =>
  gatherSlices(slices, limits).map((piece) =>
    'alone' in piece ? piece.alone.slice.name : piece.gathered.map(({ slice }) => slice.name),
  )

it('puts small slices together, and each is in one chunk, in order', () => {
  const slices = Array.from({ length: 5 }, (_, index) => planned(`s${index}`, 100))
  expect(namesOf(slices)).toEqual([['s0', 's1', 's2', 's3', 's4']])
  expect(gatherDecision(gatherSlices(slices, request))[0]?.what).toBe('5 small slices go in 1 chunk')
})

it('leaves alone what is large, uncounted, of a kind that cannot be joined, or the only one of its kind', () => {
  const slices = [
    planned('small', 100),
    planned('large', 80 * megabytes),
    planned('uncounted', 100, 'lf', null),
    planned('unsized', null),
    planned('alone', 100, 'alone'),
    planned('other', 100, 'crlf'),
    planned('small too', 100),
  ]
  expect(namesOf(slices)).toEqual([['small', 'small too'], 'large', 'uncounted', 'unsized', 'alone', 'other'])
  expect(namesOf(slices, { ...request, join: null as never })).toEqual(slices.map(({ slice }) => slice.name))
  expect(gatherDecision(gatherSlices([planned('one', 1)], request))).toEqual([])
})

it('makes as many chunks as may be loaded side by side, where that pays', () => {
  const sizes = (slices: readonly PlannedSlice[]) =>
    gatherSlices(slices, request).map((piece) => ('gathered' in piece ? piece.gathered.length : 1))
  expect(sizes(Array.from({ length: 40 }, (_, index) => planned(`s${index}`, megabytes)))).toEqual([20, 20])
  expect(sizes(Array.from({ length: 300 }, (_, index) => planned(`s${index}`, megabytes)))).toEqual([
    64, 64, 64, 64, 44,
  ])
  expect(sizes(Array.from({ length: 2500 }, (_, index) => planned(`s${index}`, 10)))).toEqual([1000, 1000, 500])
})
