import { setMaxListeners } from 'node:events'
import type { FunctionName } from '../../shared/ports/index.ts'
import { FinishEvent, LoadEvent, PlanEvent, StageEvent, type StepEvent } from '../../shared/run/events.ts'
import { finishRun } from '../../shared/run/finish-run.ts'
import { loadChunk } from '../../shared/run/load-chunk.ts'
import { planRun } from '../../shared/run/plan-run.ts'
import { stageSlice } from '../../shared/run/stage-slice.ts'
import { runStep } from '../../shared/run/step.ts'
import type { Deadline, World } from '../../shared/run/world.ts'

export interface Sent {
  readonly name: FunctionName
  readonly event: StepEvent
}

export interface Deliverer {
  /** The world in which whatever is sent comes to us: once for each task id, as the platform would. */
  readonly world: World
  /** Everything that was ever sent, in that order. */
  readonly sent: readonly Sent[]
  /** Executes steps at once, and those that they send, until nothing is left. */
  drain(): Promise<void>
  /** Executes one delivery, with the repeats that the platform makes of a failed one. */
  execute(one: Sent): Promise<void>
}

const never = new AbortController().signal
// Every session of every step listens to it.
setMaxListeners(0, never)
/** No time limit: whoever drains knows when to stop. */
export const ample: Deadline = { signal: never, softAt: new Date(8.64e15) }

const repeats = 3

/**
 * A platform that delivers at random and too much: each event as many times as `copies` says, all at once, in an order
 * that the seed decides.
 */
export function deliverTwice(base: World, { seed, copies = 2 }: { seed: number; copies?: number }): Deliverer {
  const sent: Sent[] = []
  const waiting: Sent[] = []
  const known = new Set<string>()
  const random = randomOf(seed)
  const world: World = {
    ...base,
    invoker: {
      ...base.invoker,
      async invokeAsync(name, event, taskId) {
        if (known.has(taskId)) return 'duplicate'
        known.add(taskId)
        const one = { name, event: event as StepEvent }
        sent.push(one)
        waiting.push(...Array<Sent>(copies).fill(one))
        return 'queued'
      },
    },
  }

  async function execute(one: Sent): Promise<void> {
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await stepOf(world, one)
      } catch (error) {
        if (attempt === repeats) throw error
      }
    }
  }

  async function drain(): Promise<void> {
    const running = new Set<Promise<void>>()
    const failures: unknown[] = []
    while (waiting.length > 0 || running.size > 0) {
      const [next] = waiting.splice(Math.floor(random() * waiting.length), 1)
      if (next === undefined) {
        // What runs may send more at any time, so a look is due whenever something was sent or has ended.
        await Promise.race([...running, soon()])
        continue
      }
      const work = execute(next)
        .catch((error: unknown) => void failures.push(error))
        .finally(() => running.delete(work))
      running.add(work)
      if (random() < 0.5) await soon()
    }
    if (failures.length > 0) throw failures[0]
  }

  return { world, sent, drain, execute }
}

const soon = () => new Promise<void>((resolve) => setTimeout(resolve, 5))

async function stepOf(world: World, { name, event }: Sent): Promise<void> {
  if (name === 'plan') await runStep(world, PlanEvent.parse(event), ample, planRun)
  else if (name === 'stage') await runStep(world, StageEvent.parse(event), ample, stageSlice)
  else if (name === 'load') await runStep(world, LoadEvent.parse(event), ample, loadChunk)
  else if (name === 'finish') await finishRun(world, FinishEvent.parse(event), ample)
  else throw new Error(`no step is named ${name}`)
}

/** The numbers of a linear congruential generator: the same for the same seed. */
function randomOf(seed: number): () => number {
  let state = seed
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32
    return state / 2 ** 32
  }
}
