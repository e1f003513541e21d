import { asTransferError, outwardMessage, TransferError } from '../../shared/errors/index.ts'
import type { FunctionName, Invoker } from '../../shared/ports/index.ts'
import type { Draw } from './draw.ts'
import type { VirtualClock } from './virtual-clock.ts'

/** What goes wrong, each a share of the occasions it has; and how long things take. */
export interface Faults {
  /** The platform answers 429 to a sending. */
  readonly throttled: number
  /** It has said that it has the event, and loses it. */
  readonly lost: number
  /** It delivers an event twice at once. */
  readonly twice: number
  /** A function dies, at each of the places where it may. */
  readonly crash: number
  /** The bucket answers 503. */
  readonly unavailable: number
}

export const noFaults: Faults = { throttled: 0, lost: 0, twice: 0, crash: 0, unavailable: 0 }

/** An event on its way; `attempt` counts the platform's own repeats. */
export interface Delivery {
  readonly name: FunctionName
  readonly event: unknown
  readonly taskId: string
  readonly copy: number
  readonly attempt: number
}

export interface PlatformCounts {
  invocations: number
  coldStarts: number
  throttled: number
  lost: number
  twice: number
  failures: number
  givenUp: number
  largestPayloadBytes: number
  instancesAtOnce: number
}

/** fc-oss.md §3: 128 KB of an asynchronous event; repeats of a failed one; the figures of time are ours. */
const maxPayloadBytes = 128 * 1024
const repeats = 3
const queueMs = { least: 5, most: 60 }
const coldMs = { least: 400, most: 2000 }
const repeatAfterMs = 1000
const throttledAgainAfterMs = 250
const idleMs = 300_000

export interface Platform {
  readonly invoker: Invoker
  readonly counts: PlatformCounts
}

/**
 * An asynchronous queue and instances that are cold once, on a virtual clock. `handle` runs one delivery to its end; what it
 * throws is a failed invocation, which comes again and at last goes to `tick`, as s.yaml has it.
 */
export function startPlatform(
  clock: VirtualClock,
  draw: Draw,
  { instances, faults }: { instances: number; faults: Faults },
  handle: (delivery: Delivery) => Promise<void>,
): Platform {
  const counts: PlatformCounts = {
    invocations: 0,
    coldStarts: 0,
    throttled: 0,
    lost: 0,
    twice: 0,
    failures: 0,
    givenUp: 0,
    largestPayloadBytes: 0,
    instancesAtOnce: 0,
  }
  const known = new Set<string>()
  const waiting: Delivery[] = []
  const sendings = new Map<string, number>()
  const warmUntil = new Map<FunctionName, number[]>()
  let busy = 0

  const between = ({ least, most }: { least: number; most: number }, share: number) => least + (most - least) * share
  const wordsOf = ({ taskId, copy, attempt }: Delivery) => [taskId, copy, attempt] as const

  function arrive(delivery: Delivery, afterMs: number): void {
    clock.after(afterMs, async () => {
      if (busy >= instances) waiting.push(delivery)
      else await occupy(delivery)
    })
  }

  async function occupy(first: Delivery): Promise<void> {
    busy += 1
    counts.instancesAtOnce = Math.max(counts.instancesAtOnce, busy)
    for (let next: Delivery | undefined = first; next !== undefined; next = waiting.shift()) await execute(next)
    busy -= 1
  }

  async function warmUp(delivery: Delivery): Promise<void> {
    const warm = (warmUntil.get(delivery.name) ?? []).filter((until) => until >= clock.nowMs())
    const isWarm = warm.pop() !== undefined
    warmUntil.set(delivery.name, warm)
    if (isWarm) return
    counts.coldStarts += 1
    await clock.sleep(between(coldMs, draw('cold', ...wordsOf(delivery))))
  }

  async function execute(delivery: Delivery): Promise<void> {
    await warmUp(delivery)
    counts.invocations += 1
    try {
      await handle(delivery)
      warmUntil.get(delivery.name)?.push(clock.nowMs() + idleMs)
    } catch (error) {
      counts.failures += 1
      if (delivery.attempt < repeats)
        arrive({ ...delivery, attempt: delivery.attempt + 1 }, repeatAfterMs * 2 ** delivery.attempt)
      else giveUp(delivery, error)
    }
  }

  function giveUp(delivery: Delivery, error: unknown): void {
    counts.givenUp += 1
    const event = {
      requestContext: { requestId: delivery.taskId, condition: 'RetriesExhausted' },
      requestPayload: delivery.event,
      responsePayload: { errorMessage: outwardMessage(asTransferError(error)) },
    }
    arrive({ ...delivery, name: 'tick', event, attempt: 0 }, queueMs.most)
  }

  const invoker: Invoker = {
    async invokeAsync(name, event, taskId) {
      const bytes = Buffer.byteLength(JSON.stringify(event))
      counts.largestPayloadBytes = Math.max(counts.largestPayloadBytes, bytes)
      if (bytes > maxPayloadBytes) throw new TransferError('event/too-large', `${name} has ${bytes} bytes`, { bytes })
      const sending = (sendings.get(taskId) ?? 0) + 1
      sendings.set(taskId, sending)
      if (draw('429', taskId, sending) < faults.throttled) {
        counts.throttled += 1
        await clock.sleep(throttledAgainAfterMs)
        throw new TransferError('platform/throttled', '429 of the simulation')
      }
      if (known.has(taskId)) return 'duplicate'
      known.add(taskId)
      if (draw('lost', taskId) < faults.lost) {
        counts.lost += 1
        return 'queued'
      }
      const isTwice = draw('twice', taskId) < faults.twice
      if (isTwice) counts.twice += 1
      for (let copy = 0; copy <= (isTwice ? 1 : 0); copy += 1)
        arrive({ name, event, taskId, copy, attempt: 0 }, between(queueMs, draw('queue', taskId, copy)))
      return 'queued'
    },
    invokeSync: () => Promise.reject(new TransferError('internal/bug', 'the simulation has no caller that waits')),
  }
  return { invoker, counts }
}
