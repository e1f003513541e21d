import { TransferError } from '../errors/index.ts'
import * as ledger from '../ledger/index.ts'
import type { DirtyRecord } from '../load/dirty-record.ts'
import type { DirtyLog } from './dirty-log.ts'
import { limitExceeded } from './reconcile.ts'
import type { RunContext } from './run-context.ts'

/** What `errorLimit` leaves to one piece of work: others' dirty records count while the run goes on. null: no limit. */
export async function allowedDirty({ sql, run }: RunContext): Promise<number | null> {
  const { record } = run.spec.settings.errorLimit
  if (record === null) return null
  const { dirty } = await ledger.countChunksDone(sql, run.runId)
  return Math.max(0, record - dirty)
}

/** Where no dirty record is allowed, the first one's own reason says more than the limit. */
export function asLimitError({ run }: RunContext, error: unknown, dirty: DirtyLog): unknown {
  if (!(error instanceof TransferError) || error.code !== 'record/limit-exceeded') return error
  const last = dirty.last()
  const { record: limit } = run.spec.settings.errorLimit
  if (last === null || limit === null) return error
  return limit > 0 ? overLimit(dirty.count(), limit, last) : ofRecord(last, error)
}

const placeOf = ({ source, record, offset, column, code }: DirtyRecord) => ({
  source,
  record,
  offset,
  column,
  reasonCode: code,
  dirtyObject: true,
})

const overLimit = (count: number, limit: number, last: DirtyRecord) =>
  new TransferError(
    'record/limit-exceeded',
    `${limitExceeded(count, String(limit)).message}; the last: ${last.reason}`,
    placeOf(last),
  )

const ofRecord = (last: DirtyRecord, cause: unknown) =>
  new TransferError(last.code, `record ${last.record} of ${last.source}: ${last.reason}`, placeOf(last), { cause })
