import fc from 'fast-check'
import { expect, test } from 'vitest'
import { evenChunkBytes } from '../../../shared/connectors/objects/even-chunks.ts'

const mb = 1024 * 1024

test.each([
  [1000, { targetBytes: 128, concurrent: 2 }, 125],
  [1100, { targetBytes: 128, concurrent: 2 }, 110],
  [60, { targetBytes: 128, concurrent: 2 }, 30],
  [60, { targetBytes: 128, concurrent: 32 }, 4],
  [3, { targetBytes: 128, concurrent: 8 }, 4],
  [500, { targetBytes: 1, concurrent: 8 }, 1],
])('%d MB within %o go in chunks of %d MB', (total, { targetBytes, concurrent }, expected) => {
  expect(evenChunkBytes(total * mb, { targetBytes: targetBytes * mb, concurrent })).toBe(expected * mb)
})

test('no chunk is larger than asked for, and large ones are the same number for each loader', () =>
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 10 ** 13 }),
      fc.integer({ min: 1, max: 2 ** 31 }),
      fc.integer({ min: 1, max: 64 }),
      (total, targetBytes, concurrent) => {
        const bytes = evenChunkBytes(total, { targetBytes, concurrent })
        expect(bytes).toBeLessThanOrEqual(targetBytes)
        if (bytes > 4 * mb && targetBytes > 4 * mb) expect(Math.ceil(total / bytes) % concurrent).toBe(0)
      },
    ),
  ))
