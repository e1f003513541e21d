import type { Source } from '../connectors/contract.ts'
import { asTransferError, TransferError } from '../errors/index.ts'
import * as ledger from '../ledger/index.ts'
import { openOn } from './chunk-source.ts'
import { collectRarely } from './collect-rarely.ts'
import { sendAnew } from './dispatch.ts'
import { type Lane, openLanes } from './lanes.ts'
import { afterLoading, moveOpened } from './load-chunk.ts'
import type { RunContext } from './run-context.ts'
import { sendChunkAfter } from './window.ts'

/** Each has a chunk in memory, and a session; one stream of gzip feeds no more on two cores. */
export const mostLanes = 3

/** A clean file leaves the heap below; many bad records are objects, and three times those are more than a function may have. */
const smallHeapBytes = 80 * 1024 * 1024

/** A chunk that is known to the ledger, and what it holds. */
export interface ChunkInHand {
  readonly known: ledger.NewChunk
  /** In a buffer of `nextBuffer`, which is used again once they are loaded. */
  readonly bytes: Buffer
  readonly records: number
  readonly mayHoldEndMarker: boolean
  readonly isLast: boolean
}

export interface HowToLoad {
  /** Of the event that is worked on. */
  readonly generation: number
  /** Chunks of one lane go in one after the other. */
  readonly isMerged: boolean
  /** No other slice of the run has chunks. */
  readonly isOnlySlice: boolean
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
 * Any loader can load such a chunk, by reading the file up to it once more; so what fails here is sent to one, and what dies
 * here by the next attempt (left-behind.ts).
 * @param source that the chunks are parts of
 */
export function openLoadingHere(
  context: RunContext,
  source: Source,
  { generation, isMerged, isOnlySlice }: HowToLoad,
): LoadingHere {
  const { world, run, deadline, log } = context
  const collecting = collectRarely(smallHeapBytes)
  const { concurrent } = run.spec.settings
  // One more than may COPY at a time: claims and commits of a chunk of 8 MB would leave the server idle, 4 % of the time.
  const most = Math.min(isMerged ? concurrent : concurrent + 1, mostLanes)
  const lanes = openLanes(context, { most, copying: concurrent })
  const spare: Buffer[] = []
  const running = new Set<Promise<void>>()

  async function loadOn(lane: Lane, { known, bytes, records, mayHoldEndMarker }: ChunkInHand): Promise<void> {
    if (known.source.from === 'stage')
      throw new TransferError('internal/bug', 'a staged chunk is loaded from its object')
    const mine: RunContext = { ...context, sql: lane.session }
    const { ordinal, part } = known
    const id = { runId: run.runId, ordinal, part }
    // Where another attempt has loaded it, its claim is found.
    const chunk = { ...known, done: false }
    const opened = await openOn(mine, source, id, chunk, known.source, lane.target)
    const read = async () => {
      const body = { ...(await opened.read()), body: only(bytes) }
      // Of several records one may be too long, which only a look at each can tell.
      const isLookedAt = records > 1 && bytes.length > body.maxRecordBytes
      return isLookedAt ? body : { ...body, inMemory: { records, mayHoldEndMarker } }
    }
    const counts = await moveOpened(mine, id, chunk, lane.target, { ...opened, canRest: false, read })
    await afterLoading(mine, id, generation, counts)
    if (isOnlySlice) return
    const next = await ledger.readChunk(lane.session, { ...id, ordinal: ordinal + concurrent })
    // Those of the same slice are in hand here, or about to be.
    if (next !== null && next.slice !== chunk.slice) await sendChunkAfter(mine, ordinal)
  }

  async function work(chunk: ChunkInHand): Promise<void> {
    const { ordinal, part } = chunk.known
    let lane: Lane | null = null
    try {
      lane = await lanes.take()
      await loadOn(lane, chunk)
      lanes.giveBack(lane)
    } catch (thrown) {
      log.warn('a chunk is left to a loader', { ordinal, error: asTransferError(thrown).report() })
      await lane?.[Symbol.asyncDispose]()
      await using session = await world.connectSql(context.address, deadline.signal)
      await sendAnew({ ...context, sql: session }, { step: 'load', ordinal, part })
    }
  }

  lanes.openAhead()
  return {
    nextBuffer: (bytes) => spare.pop() ?? Buffer.allocUnsafeSlow(bytes),
    async load(chunk) {
      if (!chunk.isLast) lanes.openAhead()
      while (running.size >= most) await Promise.race(running)
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
      collecting[Symbol.dispose]()
      await lanes[Symbol.asyncDispose]()
    },
  }
}

async function* only(bytes: Buffer): AsyncIterable<Uint8Array> {
  yield bytes
}
