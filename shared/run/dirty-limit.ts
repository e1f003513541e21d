import { TransferError } from '../errors/index.ts'
import * as ledger from '../ledger/index.ts'
import type { DirtyRecord } from '../load/dirty-record.ts'
import { type Allowance, dirtyAllowance, type RecordsKnown } from '../plan/dirty-allowance.ts'
import { type Piece, placeOf } from './dispatch.ts'
import type { RunContext } from './run-context.ts'
import { openStopLook } from './stop-look.ts'

/** Looks after `errorLimit` for one piece of work while all pieces go on. */
export interface DirtyGuard extends AsyncDisposable {
  readonly piece: string
  /**
   * Told of each dirty record when it is kept. Many of them may take minutes, so it also looks whether the run was stopped.
   * @param count of this piece so far
   * @throws record/limit-exceeded, or the record's own reason where none is allowed; run/stopped
   */
  met(count: number, record: DirtyRecord): Promise<void>
}

/**
 * In a session of its own, opened with the first dirty record: what a chunk's transaction writes nobody else can see before
 * it ends, and a chunk may take minutes.
 */
export function openDirtyGuard(context: RunContext, piece: Piece, leastRecordBytes: number): DirtyGuard {
  const place = placeOf(context, piece)
  const stops = openStopLook(context)
  let allowed: Allowance | null = null
  let elsewhere = 0

  async function look(count: number): Promise<Allowance> {
    const sql = await stops.look()
    await ledger.insertDirtySeen(sql, place, count, context.world.clock.now())
    elsewhere = await ledger.countDirtyElsewhere(sql, place)
    const { errorLimit } = context.run.spec.settings
    const known = errorLimit.record === null ? await recordsKnown({ ...context, sql }, leastRecordBytes) : null
    return dirtyAllowance(errorLimit, known)
  }

  const isOver = (count: number) => allowed?.records != null && elsewhere + count > allowed.records

  return {
    piece: place.piece,
    async met(count, record) {
      const { errorLimit } = context.run.spec.settings
      if (errorLimit.record === null && errorLimit.percentage === null) {
        if (stops.isDue()) await stops.look()
        return
      }
      if (errorLimit.record === 0) throw ofRecord(record)
      if (allowed === null || isOver(count) || stops.isDue()) allowed = await look(count)
      if (isOver(count)) throw overLimit(elsewhere + count, allowed.says, record)
    },
    [Symbol.asyncDispose]: () => stops[Symbol.asyncDispose](),
  }
}

/** Looks at all chunks of the run, which only a share needs. */
async function recordsKnown({ sql, run }: RunContext, leastRecordBytes: number): Promise<RecordsKnown> {
  const plan = await ledger.readPlan(sql, run.runId)
  const planned = await ledger.countChunks(sql, run.runId)
  const done = await ledger.countChunksDone(sql, run.runId)
  const sealed = plan?.staged ? (await ledger.countSlicesDone(sql, run.runId, plan.epoch)).slicesDone : null
  const allKnown = plan !== null && (sealed === null || sealed === plan.slices)
  return {
    read: done.read,
    planned: allKnown && planned.uncounted === 0 ? planned.records : null,
    bytesLeft: allKnown ? Math.max(0, planned.bytes - done.bytes) : null,
    leastRecordBytes,
  }
}

const placeIn = ({ source, record, offset, column, code }: DirtyRecord) => ({
  source,
  record,
  offset,
  column,
  reasonCode: code,
  dirtyObject: true,
})

export function limitExceeded(
  dirty: number,
  allowed: string,
  context: Record<string, string | number | boolean | null> = {},
) {
  const message = `${dirty} dirty records, errorLimit allows ${allowed}`
  return new TransferError('record/limit-exceeded', message, { dirty, allowed, ...context })
}

const overLimit = (dirty: number, allowed: string, last: DirtyRecord) => {
  const { message, context } = limitExceeded(dirty, allowed, placeIn(last))
  return new TransferError('record/limit-exceeded', `${message}; the last: ${last.reason}`, context)
}

/** Where no dirty record is allowed, the first one's own reason says more than the limit. */
export const ofRecord = (first: DirtyRecord) =>
  new TransferError(first.code, `record ${first.record} of ${first.source}: ${first.reason}`, placeIn(first))
