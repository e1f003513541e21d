import type { CopyTarget } from '../connectors/contract.ts'
import type { SqlSession } from '../ports/index.ts'
import { openTarget } from './ends.ts'
import type { RunContext } from './run-context.ts'

/** A session, and the destination as it is seen through it. */
export interface Lane extends AsyncDisposable {
  readonly session: SqlSession
  readonly target: CopyTarget
}

/** Sessions that load chunks side by side, each used for one chunk after the other. */
export interface Lanes extends AsyncDisposable {
  /** Opens one more, if there may be more, before a chunk needs it: that takes as long as inflating a chunk does. */
  openAhead(): void
  take(): Promise<Lane>
  /** For the next chunk. One that failed is disposed of instead. */
  giveBack(lane: Lane): void
}

export interface LanesOptions {
  readonly most: number
  /** How many of them may COPY at a time. */
  readonly copying: number
}

export function openLanes(context: RunContext, { most, copying }: LanesOptions): Lanes {
  const inTurn = openTurns(copying)
  const idle: Lane[] = []
  const ahead: Promise<Lane>[] = []
  let opened = 0
  return {
    openAhead() {
      if (opened === most) return
      opened += 1
      const lane = openLane(context, inTurn)
      // Thrown to the chunk that takes it.
      lane.catch(() => undefined)
      ahead.push(lane)
    },
    take: async () => idle.pop() ?? (await (ahead.shift() ?? openLane(context, inTurn))),
    giveBack: (lane) => void idle.push(lane),
    async [Symbol.asyncDispose]() {
      const unused = (await Promise.allSettled(ahead)).flatMap((one) => (one.status === 'fulfilled' ? one.value : []))
      for (const lane of [...idle, ...unused]) await lane[Symbol.asyncDispose]()
    },
  }
}

async function openLane(context: RunContext, inTurn: InTurn): Promise<Lane> {
  const session = await context.world.connectSql(context.address, context.deadline.signal)
  try {
    const target = (await openTarget(context)) as CopyTarget
    // Asked once: both questions to the catalog take as long as all else that is asked for a chunk.
    const columns = await target.columns(session)
    return {
      session: copyingInTurn(session, inTurn),
      target: { ...target, columns: async () => columns },
      async [Symbol.asyncDispose]() {
        await target[Symbol.asyncDispose]()
        await session[Symbol.asyncDispose]()
      },
    }
  } catch (error) {
    await session[Symbol.asyncDispose]()
    throw error
  }
}

type InTurn = <T>(work: () => Promise<T>) => Promise<T>

/**
 * The first COPY of a transaction waits for its turn. Another one does not: who has the turn may be waiting for the end of
 * this transaction, which has a key that both bring.
 */
function copyingInTurn(session: SqlSession, inTurn: InTurn): SqlSession {
  let isFirst = true
  return {
    ...session,
    async transaction(work) {
      isFirst = true
      return await session.transaction(work)
    },
    async copyIn(...given) {
      if (!isFirst) return await session.copyIn(...given)
      isFirst = false
      return await inTurn(() => session.copyIn(...given))
    },
  }
}

/** At most so many at a time, in the order of asking. */
function openTurns(count: number): InTurn {
  const waiting: (() => void)[] = []
  let free = count
  return async (work) => {
    if (free > 0) free -= 1
    else await new Promise<void>((resolve) => waiting.push(resolve))
    try {
      return await work()
    } finally {
      const next = waiting.shift()
      if (next === undefined) free += 1
      else next()
    }
  }
}
