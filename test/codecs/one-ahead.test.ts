import { expect, it } from 'vitest'
import { oneAhead } from '../../shared/codecs/one-ahead.ts'

/** Tells what it was asked for, and whether it was let go. */
function source(items: readonly number[], failAt: number | null = null) {
  const seen = { taken: 0, isClosed: false }
  async function* all() {
    try {
      for (const item of items) {
        if (item === failAt) throw new Error(`no ${item}`)
        seen.taken += 1
        yield item
      }
    } finally {
      seen.isClosed = true
    }
  }
  return { seen, items: all() }
}

it('has the next item while one is in use, and no further one', async () => {
  const { seen, items } = source([1, 2, 3])
  const met: [number, number][] = []
  for await (const item of oneAhead(items)) {
    await new Promise((resolve) => setImmediate(resolve))
    met.push([item, seen.taken])
  }
  expect(met).toEqual([
    [1, 2],
    [2, 3],
    [3, 3],
  ])
})

it('gives what came before a failure, and then the failure', async () => {
  const { items } = source([1, 2, 3], 2)
  const met: number[] = []
  const all = (async () => {
    for await (const item of oneAhead(items)) met.push(item)
  })()
  await expect(all).rejects.toThrow('no 2')
  expect(met).toEqual([1])
})

it('lets go of its source when it is left early, even where the next item fails', async () => {
  for (const failAt of [null, 2]) {
    const { seen, items } = source([1, 2, 3], failAt)
    for await (const item of oneAhead(items)) if (item === 1) break
    expect(seen.isClosed).toBe(true)
  }
})
