import { countRecords } from '../codecs/count-records.ts'
import type { Body, CopyTarget, Slice, Source, Target } from '../connectors/contract.ts'
import { TransferError } from '../errors/index.ts'
import * as ledger from '../ledger/index.ts'
import { isPiped } from '../plan/work.ts'
import type { StageEvent } from './events.ts'
import { countsDiffer, crashing, isDirtyChunk } from './move-records.ts'
import { isNear } from './near-target.ts'
import { putOf } from './put-of.ts'
import { type RunContext, refuseIfOver } from './run-context.ts'
import { sealOf } from './seal-slice.ts'

/** Whether slices of a source that may give other rows the next time can go straight into the table. */
export function canPipe(context: RunContext, target: Target, slices: number): target is CopyTarget {
  const { settings, transform = [] } = context.run.spec
  const facts = { slices, concurrent: settings.concurrent, steps: transform.length }
  return isPiped({ ...facts, isNear: isNear(context, target, context.address) })
}

/** `refused`: nothing of the slice is in the table, and it is to be staged; `left`: another attempt was faster. */
export type Piped = { readonly ordinal: number } | 'refused' | 'left'

export interface SliceToPipe {
  readonly slice: Slice
  readonly source: Source
  readonly target: CopyTarget
  /** Aborts at the soft deadline. */
  readonly signal: AbortSignal
}

/**
 * What the source gives is what COPY takes, in one transaction with the row that seals the slice; so nothing of an attempt
 * that dies is there, whatever the next one reads. Only a slice whose every row goes in: records are set aside, and searched
 * for, where they can be read once more, which are staged chunks.
 */
export async function pipeSlice(context: RunContext, event: StageEvent, work: SliceToPipe): Promise<Piped> {
  const { world, run, log, deadline } = context
  try {
    // Its own: a COPY that waits for a lock when its time is over takes its session with it (copy-streams.ts).
    await using sql = await world.connectSql(context.address, deadline.signal)
    const mine = { ...context, sql }
    const ordinal = await sql.transaction(async () => {
      const counts = await copySlice(mine, work)
      // Not before COPY: whoever stops the run waits for this lock.
      await ledger.lockRunShared(sql, run.runId)
      await refuseIfOver(mine)
      const sealed = await sealLoaded(mine, event, work.slice, counts)
      world.reach('load/after-copy')
      return sealed
    })
    world.reach('load/after-commit')
    return { ordinal }
  } catch (error) {
    if (await isSealed(context, event, error)) return 'left'
    if (!isDirtyChunk(error) || isOfSource(error)) throw error
    log.info(`slice ${event.slice} is staged: a record was refused`, { error: error.report() })
    return 'refused'
  }
}

/** A key that is there already is the slice's own, or one of a row: of the table, or seen by the commit alone. */
async function isSealed({ sql, run }: RunContext, event: StageEvent, error: unknown): Promise<boolean> {
  if (!ledger.isDuplicate(error)) return false
  return (await ledger.readSlice(sql, run.runId, event.epoch, event.slice))?.done !== false
}

/** Its conditions and views fail by the codes of data, too. */
const isOfSource = ({ code }: TransferError) => code.startsWith('source/')

type Loaded = Pick<ledger.ChunkCounts, 'read' | 'loaded' | 'bytes'>

async function copySlice(context: RunContext, { slice, source, target, signal }: SliceToPipe): Promise<Loaded> {
  const { sql } = context
  const columns = (await target.columns(sql)).map(({ name }) => name)
  const encoding = source.offer(target.preferred)
  if (encoding.format === 'jsonl') throw new TransferError('internal/bug', 'COPY takes no JSON Lines')
  const put = await (await putOf(context, sql, target, { encoding, columns }))()
  const reading = new AbortController()
  const stops = AbortSignal.any([signal, reading.signal])
  // Without somebody to be told of it, a record that the source cannot give ends the reading.
  const { left, ...body } = untilLeft(await source.read(slice, encoding, stops, { lent: true }))
  try {
    const counted = countRecords(crashing(context, body), { ...body, shouldStop: () => false })
    const { copied, loaded } = await put(counted.body, signal)
    const read = counted.records()
    if (copied !== read) throw countsDiffer(read, copied)
    return { read, loaded, bytes: counted.bytes() }
  } finally {
    // Whoever stages it next may need the very connection.
    reading.abort()
    await left()
  }
}

/** Tells when nobody reads it any more, and its session has gone. */
function untilLeft(body: Body): Body & { left(): Promise<void> } {
  let isBegun = false
  let leave = () => {}
  const gone = new Promise<void>((resolve) => (leave = resolve))
  async function* pieces(): AsyncIterable<Uint8Array> {
    isBegun = true
    try {
      yield* body.body
    } finally {
      leave()
    }
  }
  return { ...body, body: pieces(), left: async () => (isBegun ? await gone : undefined) }
}

async function sealLoaded(
  context: RunContext,
  event: StageEvent,
  slice: Slice,
  { read, loaded, bytes }: Loaded,
): Promise<number> {
  const { sql, run, world } = context
  const made = { part: 0, slice: event.slice, source: { from: 'source', slice } as const, records: read, bytes }
  const ordinal = await insertNext(context, made)
  const id = { runId: run.runId, ordinal, part: 0 }
  await ledger.insertClaim(sql, id)
  const none = { dirty: 0, dirtyObject: null, handedOver: false, next: null }
  await ledger.insertChunkDone(sql, id, { read, loaded, filtered: read - loaded, bytes, ...none }, world.clock.now())
  await ledger.insertSliceDone(sql, sealOf(context, event, [{ records: read, bytes }], null))
  return ordinal
}

/** Of two that end at once, one waits for the other's number to be taken, and takes the next; its COPY stands meanwhile. */
async function insertNext({ sql, run }: RunContext, chunk: Omit<ledger.NewChunk, 'ordinal'>): Promise<number> {
  for (;;) {
    try {
      return await sql.savepoint(async () => {
        const ordinal = await ledger.nextOrdinal(sql, run.runId)
        await ledger.insertChunks(sql, run.runId, [{ ...chunk, ordinal }])
        return ordinal
      })
    } catch (error) {
      if (!ledger.isDuplicate(error)) throw error
    }
  }
}
