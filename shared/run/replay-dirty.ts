import type { CopyTarget } from '../connectors/contract.ts'
import { TransferError } from '../errors/index.ts'
import * as ledger from '../ledger/index.ts'
import { DirtyRecord } from '../load/dirty-record.ts'
import { asTried, type Corrections, nameOf } from './correction.ts'
import { openTarget } from './ends.ts'
import { shapeOfFields, shapeOfPiece } from './replay-piece.ts'
import { type ReplayAnswer, replayRecords } from './replay-records.ts'
import type { RunContext } from './run-context.ts'
import { isAtomic } from './run-staging.ts'

/**
 * Loads dirty records of a run that has ended, each once: as they lie, where the destination has changed, or corrected.
 * The run's own counts stay; that a record was replayed is a fact of its own.
 * @param corrections null: all dirty records as they lie; otherwise these and no others
 * @throws job/invalid when the run has not ended or is an export, or a correction is of no dirty record of it
 */
export async function replayDirty(context: RunContext, corrections: Corrections | null): Promise<ReplayAnswer> {
  await using target = await openReplayTarget(context)
  const pieces = await ledger.listDirtyPieces(context.sql, context.run.runId)
  if (corrections !== null) await refuseUnknown(context, pieces, corrections)
  let total = nothing
  for (const piece of pieces) {
    for await (const records of dirtyRecordsOf(context, piece)) {
      total = sumOf(total, await replayObject(context, target, piece, records, corrections))
    }
  }
  return total
}

const nothing: ReplayAnswer = { loaded: 0, filtered: 0, already: 0, refused: [] }
const sumOf = (a: ReplayAnswer, b: ReplayAnswer): ReplayAnswer => ({
  loaded: a.loaded + b.loaded,
  filtered: a.filtered + b.filtered,
  already: a.already + b.already,
  refused: [...a.refused, ...b.refused],
})

/** A run under way may still change its mind. */
async function openReplayTarget({ sql, run, ...context }: RunContext): Promise<CopyTarget> {
  const ending = await ledger.readFinished(sql, run.runId, run.generation)
  if (ending === null)
    throw new TransferError('job/invalid', `run ${run.runId} has not ended yet`, { runId: run.runId })
  const target = await openTarget({ ...context, run })
  if (target.kind === 'copy' && isAtomic(target) && ending.state !== 'succeeded') {
    const message = `no row of run ${run.runId} is in the table, as it is atomic and ${ending.state}; retry it first`
    throw new TransferError('job/invalid', message, { runId: run.runId })
  }
  if (target.kind === 'copy') return target
  throw new TransferError('job/invalid', 'only an import has dirty records to replay', { runId: run.runId })
}

/** An object at a time: each holds some megabytes. */
async function* dirtyRecordsOf({ world }: RunContext, { prefix }: ledger.DirtyPiece): AsyncIterable<DirtyRecord[]> {
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
  for (const piece of pieces)
    for await (const records of dirtyRecordsOf(context, piece))
      for (const record of records) left.delete(nameOf(record))
  const [first] = left.values()
  if (first === undefined) return
  const where = `piece ${first.piece} record ${first.record}`
  throw new TransferError('job/invalid', `${where} is no dirty record of a loaded chunk of run ${context.run.runId}`)
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
    total = sumOf(total, await replayRecords(context, { target, piece: piece.piece, shape, tried: some }))
  }
  return total
}
