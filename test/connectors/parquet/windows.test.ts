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

test('a window gives the bytes asked for, however far a reader goes on', async () => {
  const file = Buffer.from(Array.from({ length: 5000 }, (_, index) => index % 251))
  const step = fc.record({ forward: fc.nat(300), length: fc.integer({ min: 1, max: 700 }) })
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 40 }),
      fc.integer({ min: 1, max: 600 }),
      async (steps, windowBytes) => {
        let fetched = 0
        const read = windowOf(chunkAt(100, 4500), windowBytes, async (start, end) => {
          expect(start).toBeGreaterThanOrEqual(100)
          expect(end).toBeLessThanOrEqual(4600)
          expect(end).toBeGreaterThan(start)
          fetched += end - start
          return file.subarray(start, end)
        })
        let offset = 0
        for (const { forward, length } of steps) {
          offset = Math.min(4499, offset + forward)
          expect(await read(offset, length)).toEqual(file.subarray(100 + offset, Math.min(4600, 100 + offset + length)))
        }
        // Nothing twice, but for what was on its way when the reader went beyond it.
        expect(fetched).toBeLessThanOrEqual(2 * 4500 + 40 * windowBytes)
      },
    ),
    { numRuns: 200 },
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
