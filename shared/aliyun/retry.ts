import { setTimeout as sleep } from 'node:timers/promises'
import { asTransferError, TransferError } from '../errors/index.ts'

const attempts = 5
const baseMs = 100

/** The same call gives the same bug; and a deadline leaves no time for another try. */
const neverHere = new Set(['internal/bug', 'platform/deadline'])

/**
 * Repeats a call that is safe to repeat, with doubling, jittered waits: 0.1 to 1.6 s in all about 3 s. Only errors whose
 * policy says that the same call may succeed; after that the platform's queue repeats the whole step.
 */
export async function retrying<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    if (signal?.aborted) throw stopped(signal)
    try {
      return await work()
    } catch (thrown) {
      const error = asTransferError(thrown)
      if (error.policy.retry !== 'again' || neverHere.has(error.code) || attempt === attempts) throw error
      const waitMs = baseMs * 2 ** (attempt - 1) * (0.5 + Math.random())
      await stoppable(sleep(waitMs), signal)
    }
  }
}

const stopped = (signal: AbortSignal) =>
  new TransferError('platform/deadline', 'the call was stopped', {}, { cause: signal.reason })

/** Lets go of work that cannot be stopped: the signal rejects at once, and what the work comes to is of no interest. */
export async function stoppable<T>(work: Promise<T>, signal?: AbortSignal): Promise<T> {
  if (signal === undefined) return await work
  let stop = () => {}
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(stopped(signal))
    signal.addEventListener('abort', stop, { once: true })
    if (signal.aborted) stop()
  })
  try {
    return await Promise.race([work, aborted])
  } finally {
    signal.removeEventListener('abort', stop)
  }
}
