import type { CopyTarget, Source } from '../connectors/contract.ts'
import { asTransferError } from '../errors/index.ts'
import * as ledger from '../ledger/index.ts'
import type { SqlSession } from '../ports/index.ts'
import { openOn } from './chunk-source.ts'
import { collectRarely } from './collect-rarely.ts'
import { sendAnew } from './dispatch.ts'
import { openTarget } from './ends.ts'
import { afterLoading, moveOpened } from './load-chunk.ts'
import type { RunContext } from './run-context.ts'
import { sendChunkAfter } from './window.ts'

/** Each has a chunk in memory, and a session; one stream of gzip feeds no more on two cores. */
const mostLanes = 3

/** A chunk that is known to the ledger, and what it holds. */
export interface ChunkInHand {
  readonly ordinal: number
  /** In a buffer of `nextBuffer`, which is used again once they are loaded. */
  readonly bytes: Buffer
  readonly records: number
  readonly mayHoldEndMarker: boolean
}

export interface LoadingHere extends AsyncDisposable {
  /** For the next chunk, all of one size. */
  nextBuffer(bytes: number): Buffer
  /** Resolves when the chunk has begun: once one of those before it has ended, where there are enough. */
  load(chunk: ChunkInHand): Promise<void>
  /** When all have ended. */
  settled(): Promise<void>
}

/**
 * Any loader can load such a chunk, by reading the file up to it once more; so what fails here is sent to one. What dies here
 * counts as sent when it was made known, so that `tick` sends it after its lease.
 * @param source that the chunks are parts of
 * @param how `generation` of the event that is worked on; `isMerged`: chunks of one lane go in one after the other
 */
export function openLoadingHere(
  context: RunContext,
  source: Source,
  { generation, isMerged }: { readonly generation: number; readonly isMerged: boolean },
): LoadingHere {
  const { world, run, deadline, log } = context
  collectRarely()
  const { concurrent } = run.spec.settings
  // One more than may COPY at a time: claims and commits of a chunk of 8 MB would leave the server idle, 4 % of the time.
  const lanes = Math.min(isMerged ? concurrent : concurrent + 1, mostLanes)
  const inTurn = openTurns(concurrent)
  const idle: Lane[] = []
  const spare: Buffer[] = []
  const running = new Set<Promise<void>>()

  async function loadOn(lane: Lane, { ordinal, bytes, records, mayHoldEndMarker }: ChunkInHand): Promise<void> {
    const mine: RunContext = { ...context, sql: lane.session }
    const id = { runId: run.runId, ordinal, part: 0 }
    const chunk = await ledger.readChunk(lane.session, id)
    if (chunk === null || chunk.done || chunk.source.from === 'stage') return
    const opened = await openOn(mine, source, id, chunk, chunk.source, lane.target)
    const read = async () => {
      const body = { ...(await opened.read()), body: only(bytes) }
      // Of several records one may be too long, which only a look at each can tell.
      const isLookedAt = records > 1 && bytes.length > body.maxRecordBytes
      return isLookedAt ? body : { ...body, inMemory: { records, mayHoldEndMarker } }
    }
    const counts = await moveOpened(mine, id, chunk, lane.target, { ...opened, canRest: false, read })
    await afterLoading(mine, id, generation, counts)
    const next = await ledger.readChunk(lane.session, { ...id, ordinal: ordinal + concurrent })
    // Those of the same slice are in hand here, or about to be.
    if (next !== null && next.slice !== chunk.slice) await sendChunkAfter(mine, ordinal)
  }

  async function work(chunk: ChunkInHand): Promise<void> {
    const { ordinal } = chunk
    let lane: Lane | null = null
    try {
      lane = idle.pop() ?? (await openLane(context, inTurn))
      await loadOn(lane, chunk)
      idle.push(lane)
    } catch (thrown) {
      log.warn('a chunk is left to a loader', { ordinal, error: asTransferError(thrown).report() })
      await lane?.[Symbol.asyncDispose]()
      await using session = await world.connectSql(context.address, deadline.signal)
      await sendAnew({ ...context, sql: session }, { step: 'load', ordinal, part: 0 })
    }
  }

  return {
    nextBuffer: (bytes) => spare.pop() ?? Buffer.allocUnsafeSlow(bytes),
    async load(chunk) {
      while (running.size >= lanes) await Promise.race(running)
      const one = work(chunk).finally(() => {
        running.delete(one)
        spare.push(Buffer.from(chunk.bytes.buffer))
      })
      // Awaited by the next `load`, or by `settled`.
      one.catch(() => undefined)
      running.add(one)
    },
    settled: async () => void (await Promise.all(running)),
    async [Symbol.asyncDispose]() {
      await Promise.allSettled(running)
      for (const lane of idle) await lane[Symbol.asyncDispose]()
    },
  }
}

/** A session, and the destination as it is seen through it. */
interface Lane extends AsyncDisposable {
  readonly session: SqlSession
  readonly target: CopyTarget
}

async function openLane(context: RunContext, inTurn: InTurn): Promise<Lane> {
  const session = await context.world.connectSql(context.address, context.deadline.signal)
  const target = (await openTarget(context)) as CopyTarget
  return {
    session: copyingInTurn(session, inTurn),
    target,
    async [Symbol.asyncDispose]() {
      await target[Symbol.asyncDispose]()
      await session[Symbol.asyncDispose]()
    },
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

async function* only(bytes: Buffer): AsyncIterable<Uint8Array> {
  yield bytes
}
