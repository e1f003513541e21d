import type { Clock } from '../../shared/local/fc/timers.ts'

export interface HandClock extends Clock {
  /** Time passes second by second, and what waits is called when its time has come. */
  pass(ms: number): void
  /** Time passes while nothing is called, as when the event loop is blocked; then everything late is called once. */
  passBlocked(ms: number): void
  waiting(): number
}

/** A clock that a test moves by hand. */
export function handClock(start: string): HandClock {
  let now = Date.parse(start)
  const calls = new Map<object, { at: number; callback: () => void }>()
  const callDue = () => {
    for (const [key, { at, callback }] of [...calls]) {
      if (at > now) continue
      calls.delete(key)
      callback()
    }
  }
  return {
    now: () => now,
    callAfter(ms, callback) {
      const key = {}
      calls.set(key, { at: now + ms, callback })
      return () => void calls.delete(key)
    },
    pass(ms) {
      const until = now + ms
      while (now < until) {
        now = Math.min(now + 1000, until)
        callDue()
      }
    },
    passBlocked(ms) {
      now += ms
      callDue()
    },
    waiting: () => calls.size,
  }
}
