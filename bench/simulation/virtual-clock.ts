import type { Clock } from '../../shared/ports/index.ts'

/** Time that passes only when everybody waits. */
export interface VirtualClock extends Clock {
  nowMs(): number
  /** Who calls this works no more until then. */
  sleep(ms: number): Promise<void>
  /** A new worker begins at that time. */
  after(ms: number, work: () => Promise<void>): void
  /** Somebody who works waits for what only another can end, such as a lock; `unblock` says that it has it. */
  block(): void
  unblock(): void
  working(): number
  /** Moves to the next time somebody waits for, once nobody works. @returns false when nobody waits */
  advance(): boolean
}

interface Waiting {
  readonly at: number
  readonly order: number
  readonly wake: () => void
}

export function virtualClock(start: Date): VirtualClock {
  let now = start.getTime()
  let order = 0
  let working = 0
  const heap: Waiting[] = []

  function wait(ms: number, wake: () => void): void {
    order += 1
    push(heap, { at: now + Math.max(0, ms), order, wake })
  }

  return {
    now: () => new Date(now),
    nowMs: () => now,
    working: () => working,
    block() {
      working -= 1
    },
    unblock() {
      working += 1
    },
    sleep(ms) {
      working -= 1
      return new Promise((resolve) =>
        wait(ms, () => {
          working += 1
          resolve()
        }),
      )
    },
    after(ms, work) {
      wait(ms, () => {
        working += 1
        void work().finally(() => {
          working -= 1
        })
      })
    },
    advance() {
      const next = pop(heap)
      if (next === undefined) return false
      now = Math.max(now, next.at)
      next.wake()
      return true
    },
  }
}

const isBefore = (a: Waiting, b: Waiting) => a.at < b.at || (a.at === b.at && a.order < b.order)

function push(heap: Waiting[], item: Waiting): void {
  let at = heap.push(item) - 1
  while (at > 0) {
    const above = (at - 1) >> 1
    const parent = heap[above]
    if (parent === undefined || isBefore(parent, item)) break
    heap[at] = parent
    at = above
  }
  heap[at] = item
}

function pop(heap: Waiting[]): Waiting | undefined {
  const [first] = heap
  const last = heap.pop()
  if (first === undefined || last === undefined || heap.length === 0) return first
  let at = 0
  for (;;) {
    const [left, right] = [heap[2 * at + 1], heap[2 * at + 2]]
    const isRight = left !== undefined && right !== undefined && isBefore(right, left)
    const child = isRight ? right : left
    if (child === undefined || isBefore(last, child)) break
    heap[at] = child
    at = 2 * at + (isRight ? 2 : 1)
  }
  heap[at] = last
  return first
}
