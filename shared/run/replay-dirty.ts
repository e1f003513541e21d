import type { CopyTarget } from '../connectors/contract.ts'
import { TransferError } from '../errors/index.ts'
import * as ledger from '../ledger/index.ts'
import { DirtyRecord } from '../load/dirty-record.ts'
import { dirtyPrefix } from '../staging/keys.ts'
import { asTried, type Corrections, nameOf, type Tried } from './correction.ts'
import { pieceOfRecord } from './dirty-log.ts'
import { openTarget } from './ends.ts'
import { shapeOfFields, shapeOfPiece } from './replay-piece.ts'
import { type ReplayAnswer, replayRecords } from './replay-records.ts'
import type { RunContext } from './run-context.ts'
import { isAtomic } from './run-staging.ts'

export interface ReplayedRun extends ReplayAnswer {
  /** Dirty records of pieces that were rolled back whole when the run ended badly: they go in with their piece, by `retry`. */
  readonly rolledBack: number
}

/**
 * Loads dirty records of a run that has ended, each once: as they lie, where the destination has changed, or corrected.
 * The run's own counts stay; that a record was replayed is a fact of its own.
 * @param corrections null: all dirty records as they lie; otherwise these and no others
 * @throws run/not-ended; run/not-replayable for an export; run/retry-first where nothing of the run stayed in the table;
 *   usage/invalid for a correction of no dirty record of it
 */
export async function replayDirty(context: RunContext, corrections: Corrections | null): Promise<ReplayedRun> {
  const ending = await endingOf(context)
  await using target = await openReplayTarget(context, ending)
  const pieces = await ledger.listDirtyPieces(context.sql, context.run.runId)
  const rolledBack = ending.state === 'succeeded' ? 0 : await countRolledBack(context, pieces)
  if (rolledBack > 0 && pieces.length === 0)
    throw retryFirst(
      context,
      `its ${rolledBack} dirty records are of chunks that were rolled back, with all their rows`,
    )
  if (corrections !== null) await refuseUnknown(context, pieces, corrections)
  let total = nothing
  for (const piece of pieces) {
    for await (const records of dirtyRecordsOf(context, piece)) {
      total = sumOf(total, await replayObject(context, target, piece, records, corrections))
    }
  }
  return { ...total, rolledBack }
}

const nothing: ReplayAnswer = { loaded: 0, filtered: 0, already: 0, refused: [] }
const sumOf = (a: ReplayAnswer, b: ReplayAnswer): ReplayAnswer => ({
  loaded: a.loaded + b.loaded,
  filtered: a.filtered + b.filtered,
  already: a.already + b.already,
  refused: [...a.refused, ...b.refused],
})

/** A run under way may still change its mind. */
async function endingOf({ sql, run }: RunContext): Promise<ledger.FinishedRow> {
  const ending = await ledger.readFinished(sql, run.runId, run.generation)
  if (ending !== null) return ending
  throw new TransferError('run/not-ended', `run ${run.runId} has not ended yet`, { runId: run.runId })
}

async function openReplayTarget(context: RunContext, ending: ledger.FinishedRow): Promise<CopyTarget> {
  const { runId } = context.run
  const target = await openTarget(context)
  if (target.kind !== 'copy')
    throw new TransferError('run/not-replayable', 'only an import has dirty records to replay', { runId })
  if (isAtomic(target) && ending.state !== 'succeeded') throw retryFirst(context, `it is atomic and ${ending.state}`)
  return target
}

const retryFirst = ({ run: { runId } }: RunContext, why: string) =>
  new TransferError('run/retry-first', `run ${runId} cannot be replayed: ${why}`, {
    runId,
  })

/** The records of a chunk that is not done are kept for people to look at, and none of its rows is in the table. */
async function countRolledBack(context: RunContext, pieces: readonly ledger.DirtyPiece[]): Promise<number> {
  const done = new Set(pieces.map(({ piece }) => piece))
  let count = 0
  for await (const records of dirtyRecordsOf(context, { prefix: dirtyPrefix(context.run.runId) }))
    count += records.filter((record) => !done.has(pieceOfRecord(record))).length
  return count
}

/** An object at a time: each holds some megabytes. */
async function* dirtyRecordsOf(
  { world }: RunContext,
  { prefix }: Pick<ledger.DirtyPiece, 'prefix'>,
): AsyncIterable<DirtyRecord[]> {
  for await (const { key, size } of world.store.list(prefix)) {
    const found = await world.store.read(key, size)
    const lines = (found?.body.toString('utf8') ?? '').split('\n').filter((line) => line !== '')
    yield lines.map((line) => DirtyRecord.parse(JSON.parse(line)))
  }
}

/** Before anything is loaded: a file for another run, or a line that lost its name, is a mistake as a whole. */
async function refuseUnknown(
  context: RunContext,
  pieces: readonly ledger.DirtyPiece[],
  corrections: Corrections,
): Promise<void> {
  const left = new Map(corrections)
  for (const piece of pieces) await forgetThoseUnder(context, piece, left)
  const [first] = left.values()
  if (first === undefined) return
  await forgetThoseUnder(context, { prefix: dirtyPrefix(context.run.runId) }, left)
  const where = `piece ${first.piece} record ${first.record}`
  if (!left.has(nameOf(first)))
    throw retryFirst(context, `${where} is of a chunk that was rolled back, with all its rows`)
  throw new TransferError('usage/invalid', `${where} is no dirty record of run ${context.run.runId}`)
}

async function forgetThoseUnder(
  context: RunContext,
  place: Pick<ledger.DirtyPiece, 'prefix'>,
  left: Map<string, unknown>,
): Promise<void> {
  for await (const records of dirtyRecordsOf(context, place)) for (const record of records) left.delete(nameOf(record))
}

/** Records as they lie and records given by their fields go in apart, as COPY takes one form at a time. */
async function replayObject(
  context: RunContext,
  target: CopyTarget,
  piece: ledger.DirtyPiece,
  records: readonly DirtyRecord[],
  corrections: Corrections | null,
): Promise<ReplayAnswer> {
  const tried = records.flatMap((record) => {
    const correction = corrections?.get(nameOf(record)) ?? null
    return corrections !== null && correction === null ? [] : [asTried(record, correction)]
  })
  let total = nothing
  for (const form of ['fields', 'raw'] as const) {
    const some = tried.filter((one) => one.form === form)
    if (some.length === 0) continue
    const shape = form === 'fields' ? await shapeOfFields(target) : await shapeOfPiece(context, piece, target)
    for (const [name, ofName] of byPiece(some))
      total = sumOf(total, await replayRecords(context, { target, piece: name, shape, tried: ofName }))
  }
  return total
}

/** Of a chunk of several slices, each counts its records itself. */
function byPiece(tried: readonly Tried[]): ReadonlyMap<string, Tried[]> {
  const found = new Map<string, Tried[]>()
  for (const one of tried) {
    const { piece } = one.record
    const those = found.get(piece)
    if (those === undefined) found.set(piece, [one])
    else those.push(one)
  }
  return found
}
