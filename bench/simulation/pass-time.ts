import { setTimeout as sleep, setImmediate as soon } from 'node:timers/promises'
import type { VirtualClock } from './virtual-clock.ts'

/** How long nothing may happen before the server is asked who waits for a lock. */
const stillMs = 5

/** Lets time pass until nobody waits for it: on whenever all who work sleep, or wait for the lock of one who sleeps. */
export async function passTime(clock: VirtualClock, findBlocked: () => Promise<number>): Promise<void> {
  do await allAtRest(clock, findBlocked)
  while (clock.advance())
}

async function allAtRest(clock: VirtualClock, findBlocked: () => Promise<number>): Promise<void> {
  let lookAt = performance.now() + stillMs
  while (clock.working() > 0) {
    await soon()
    if (performance.now() < lookAt) continue
    await findBlocked()
    lookAt = performance.now() + stillMs
    await sleep(0)
  }
}
