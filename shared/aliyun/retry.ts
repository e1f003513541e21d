import { setTimeout as sleep } from 'node:timers/promises'
import { asTransferError } from '../errors/index.ts'

const attempts = 5
const baseMs = 100

/**
 * Repeats a call that is safe to repeat, with doubling, jittered waits: 0.1 to 1.6 s in all about 3 s. Only errors whose
 * policy says that the same call may succeed; after that the platform's queue repeats the whole step.
 */
export async function retrying<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work()
    } catch (thrown) {
      const error = asTransferError(thrown)
      if (error.policy.retry !== 'again' || error.code === 'internal/bug' || attempt === attempts) throw error
      const waitMs = baseMs * 2 ** (attempt - 1) * (0.5 + Math.random())
      await sleep(waitMs, undefined, signal === undefined ? {} : { signal })
    }
  }
}
