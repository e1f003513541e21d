import fc from 'fast-check'
import { expect, it } from 'vitest'
import { lanesLeft, listAllOpen, listFirstOpen, type Pieces } from '../../shared/run/open-pieces.ts'
import type { RunContext } from '../../shared/run/run-context.ts'

/** Pieces of which each lane has done as many as it says; what is asked of them is counted. */
function piecesOf(count: number, doneOfLane: readonly number[]) {
  const concurrent = doneOfLane.length
  const isOpen = (n: number) => Math.floor(n / concurrent) >= (doneOfLane[n % concurrent] ?? 0)
  const asked = { times: 0, looked: 0 }
  const pieces: Pieces<number> = {
    count,
    async listOpen({ from, to }, limit) {
      asked.times += 1
      asked.looked += to - from
      const open = Array.from({ length: Math.max(0, to - from) }, (_, index) => from + index).filter(isOpen)
      return open.slice(0, limit)
    },
    numberOf: (n) => n,
  }
  const run = { runId: 'r', spec: { settings: { concurrent } } } as unknown as RunContext['run']
  return { pieces, run, asked }
}

const runs = fc
  .tuple(fc.integer({ min: 0, max: 300 }), fc.array(fc.integer({ min: 0, max: 40 }), { minLength: 1, maxLength: 12 }))
  .map(([count, doneOfLane]) => ({ count, doneOfLane }))

it('the first open pieces are those that a look at all of them finds, and so are the lanes that are left', async () => {
  await fc.assert(
    fc.asyncProperty(runs, fc.integer({ min: 1, max: 20 }), async ({ count, doneOfLane }, limit) => {
      const { pieces, run } = piecesOf(count, doneOfLane)
      expect(await listFirstOpen(pieces, run, limit)).toEqual(await listAllOpen(pieces, run, limit))
      const open = await listAllOpen(pieces, run, count)
      expect(await lanesLeft(pieces, run)).toBe(new Set(open.map((n) => n % doneOfLane.length)).size)
    }),
  )
})

it('a million pieces are asked about in a few windows', async () => {
  const { pieces, run, asked } = piecesOf(1_000_000, Array<number>(100).fill(9_900))
  expect(await listFirstOpen(pieces, run, 1)).toEqual([990_000])
  expect(asked.times).toBeLessThan(20)
  // The last question asks for the rest and stops at its limit.
  expect(asked.looked).toBeLessThan(20 * 100 + 10_000)
})
