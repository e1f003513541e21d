import { asTransferError } from '../errors/index.ts'
import { recordIncident } from './job-store.ts'
import type { World } from './world.ts'

export interface Tally {
  count: number
  troubles: number
}

/** One job or ledger in trouble must not keep the others waiting: it becomes an incident, and the next tick tries again. */
export async function tallyEach<T>(
  world: World,
  items: readonly T[],
  work: (item: T) => Promise<number>,
): Promise<Tally> {
  const tally: Tally = { count: 0, troubles: 0 }
  for (const item of items) {
    try {
      tally.count += await work(item)
    } catch (thrown) {
      tally.troubles += 1
      world.log.error('tick met trouble', { error: asTransferError(thrown).report() })
      await recordIncident(world.store, thrown, world.clock.now())
    }
  }
  return tally
}
