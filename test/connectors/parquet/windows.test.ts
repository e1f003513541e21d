import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { joinRanges, windowOf } from '../../../shared/connectors/objects/parquet/group-bytes.ts'

const chunkAt = (start: number, compressedBytes: number) => ({
  codec: 0,
  values: 1,
  start,
  compressedBytes,
  uncompressedBytes: 1,
})

test.each([
  { unit: 1, numRuns: 200 },
  // Pages so large that a window is let go with them.
  { unit: 500, numRuns: 40 },
])('a window gives the bytes asked for, however far a reader goes on, by $unit', async ({ unit, numRuns }) => {
  const bytes = 4500 * unit
  const file = Buffer.from(Array.from({ length: bytes + 500 }, (_, index) => index % 251))
  const step = fc.record({ forward: fc.nat(300 * unit), length: fc.integer({ min: 1, max: 700 * unit }) })
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 40 }),
      fc.integer({ min: unit, max: 600 * unit }),
      async (steps, windowBytes) => {
        let fetched = 0
        const read = windowOf(chunkAt(100, bytes), windowBytes, async (start, end) => {
          expect(start).toBeGreaterThanOrEqual(100)
          expect(end).toBeLessThanOrEqual(100 + bytes)
          expect(end).toBeGreaterThan(start)
          fetched += end - start
          return file.subarray(start, end)
        })
        let offset = 0
        for (const { forward, length } of steps) {
          offset = Math.min(bytes - 1, offset + forward)
          const expected = file.subarray(100 + offset, 100 + Math.min(bytes, offset + length))
          expect(expected.equals(await read(offset, length))).toBe(true)
        }
        // Nothing twice, but for what was on its way when the reader went beyond it.
        expect(fetched).toBeLessThanOrEqual(2 * bytes + 40 * windowBytes)
      },
    ),
    { numRuns },
  )
})

test('chunks side by side are one range, and a gap that is worth a request is left out', () => {
  const wanted = [
    { leaf: 2, chunk: chunkAt(500_000, 10) },
    { leaf: 0, chunk: chunkAt(4, 1000) },
    { leaf: 1, chunk: chunkAt(1500, 100) },
  ]
  expect(joinRanges(wanted).map(({ start, end, chunks }) => [start, end, chunks.map(({ leaf }) => leaf)])).toEqual([
    [4, 1600, [0, 1]],
    [500_000, 500_010, [2]],
  ])
})
