import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Leaf } from '../../../shared/codecs/parquet/schema-tree.ts'
import { maxHeldBytes, openHeldPages } from '../../../shared/connectors/objects/parquet/held-pages.ts'

const megabyte = 1024 * 1024
const leaf = { name: 'a' } as Leaf

test('pages that are held and those that were let go stay within 48 MB, and 8 MB go before each collection', () =>
  fc.assert(
    fc.property(fc.array(fc.array(fc.tuple(fc.nat(3), fc.nat(9 * megabyte)), { maxLength: 30 })), (groups) => {
      let uncollected = 0
      let live = 0
      {
        using held = openHeldPages(() => {
          expect(uncollected).toBeGreaterThanOrEqual(8 * megabyte)
          uncollected = 0
        })
        for (const pages of groups) {
          uncollected += live
          live = 0
          const hold = held.nextGroup()
          const own = [0, 0, 0, 0]
          const holds = own.map(() => hold(leaf))
          for (const [column, bytes] of pages) {
            const before = own[column] ?? 0
            uncollected += before
            live += bytes - before
            own[column] = bytes
            holds[column]?.(bytes)
            expect(live + uncollected).toBeLessThanOrEqual(48 * megabyte)
          }
        }
        uncollected += live
      }
      expect(uncollected).toBeLessThan(8 * megabyte)
    }),
  ))

test('more than may be held is refused, by its column', () => {
  using held = openHeldPages(() => undefined)
  const hold = held.nextGroup()
  hold(leaf)(maxHeldBytes - 1)
  expect(() => hold({ name: 'b' } as Leaf)(2)).toThrow(/pages of the wanted columns need \d+ bytes .*\(b alone 2\)/)
})
