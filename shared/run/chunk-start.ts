import { setTimeout as sleep } from 'node:timers/promises'
import type { SliceStart } from '../connectors/contract.ts'
import { TransferError } from '../errors/index.ts'
import * as ledger from '../ledger/index.ts'
import { type RunContext, refuseIfOver } from './run-context.ts'

/** Whether a chunk that is under way begins where it was guessed to begin. */
export interface GuessedStart {
  /**
   * Resolves once the chunk before has committed and has ended there.
   * @throws BeganElsewhere; StillUnknown when waiting has taken as long as loading the chunk again would
   */
  confirm(): Promise<SliceStart>
}

/** Rolls back what was loaded from a wrong guess. */
export class BeganElsewhere extends Error {
  readonly start: SliceStart
  constructor(start: SliceStart) {
    super('the chunk before ended in another place')
    this.start = start
  }
}

/** Rolls back where it has to be known first: whoever waits holds a connection that the chunk before may need. */
export class StillUnknown extends Error {}

/** Chunks are loaded side by side and end at about the same time: neither is worth much looking nor much waiting. */
const pollMs = { first: 5, longest: 200 }
const leastWaitMs = 1000

/** @param guessed the first byte of the chunk of this ordinal */
export function watchStart(context: RunContext, ordinal: number, guessed: number): GuessedStart {
  const begunAt = performance.now()
  let known: SliceStart | null = null
  return {
    async confirm() {
      const waitMs = Math.max(leastWaitMs, performance.now() - begunAt)
      known ??= await awaitStart(context, ordinal, performance.now() + waitMs)
      if (known === null) throw new StillUnknown('the chunk before has not ended')
      if (known.offset !== guessed) throw new BeganElsewhere(known)
      return known
    },
  }
}

/** Holds no connection but the ledger's own. @throws platform/deadline, run/stopped */
export async function startOfChunk(context: RunContext, ordinal: number): Promise<SliceStart> {
  const leftMs = context.deadline.softAt.getTime() - context.world.clock.now().getTime()
  const start = await awaitStart(context, ordinal, performance.now() + leftMs)
  if (start !== null) return start
  const message = `chunk ${ordinal - 1} was not loaded within the time of this function, so nobody knows where chunk ${ordinal} begins`
  throw new TransferError('platform/deadline', message, { ordinal })
}

/** @returns null when it is not known at `untilMs` of `performance.now()` */
async function awaitStart(context: RunContext, ordinal: number, untilMs: number): Promise<SliceStart | null> {
  const { sql, run, deadline } = context
  for (let waitMs = pollMs.first; ; waitMs = Math.min(2 * waitMs, pollMs.longest)) {
    const start = await ledger.readNextStart(sql, run.runId, ordinal - 1)
    if (start !== null || performance.now() >= untilMs) return start
    await refuseIfOver(context)
    await sleep(waitMs, undefined, { signal: deadline.signal })
  }
}
