import { asTransferError } from '../errors/index.ts'
import { recordIncident } from './job-store.ts'
import type { World } from './world.ts'

export interface Tally {
  count: number
  troubles: number
}

/**
 * One job, run or ledger in trouble must not keep the others waiting: it becomes an incident, and the next tick tries again.
 * @param isLast asked after a trouble: whether the items after it would meet it as well; it goes to the caller then
 */
export async function tallyEach<T>(
  world: World,
  items: readonly T[],
  work: (item: T) => Promise<number>,
  isLast: () => Promise<boolean> = async () => false,
): Promise<Tally> {
  const tally: Tally = { count: 0, troubles: 0 }
  for (const item of items) {
    try {
      tally.count += await work(item)
    } catch (thrown) {
      if (await isLast()) throw thrown
      tally.troubles += 1
      world.log.error('tick met trouble', { error: asTransferError(thrown).report() })
      await recordIncident(world.store, thrown, world.clock.now())
    }
  }
  return tally
}

export const sumOf = (tallies: readonly Tally[]): Tally => ({
  count: tallies.reduce((sum, { count }) => sum + count, 0),
  troubles: tallies.reduce((sum, { troubles }) => sum + troubles, 0),
})
