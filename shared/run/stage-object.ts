import { countRecords } from '../codecs/count-records.ts'
import { encodeJsonLines } from '../codecs/json-lines/encode.ts'
import type { Body, ObjectTarget } from '../connectors/contract.ts'
import { TransferError } from '../errors/index.ts'
import type { RunId } from '../job/index.ts'
import * as ledger from '../ledger/index.ts'
import type { ChangeFields } from '../transform/compile.ts'
import type { StageEvent } from './events.ts'
import { askedForm } from './record-form.ts'
import type { RunContext } from './run-context.ts'
import { sealOf } from './seal-slice.ts'
import { type TransformedSlice, transformSlice } from './stage-transformed.ts'

/** What `stageObject` is to put into the object, and how. */
export interface SliceToStage {
  readonly body: Body
  /** What the job does to its records; null: they go as they are read. */
  readonly change: ChangeFields | null
  readonly columns: Parameters<ObjectTarget['header']>[0]
  readonly signal: AbortSignal
}

/**
 * Uploads the slice as the destination's object and leaves it unseen. A record of any length may pass that is not
 * transformed and does not become JSON: its bytes go through in parts, and nothing is decided about it.
 */
export async function stageObject(
  context: RunContext,
  event: StageEvent,
  target: ObjectTarget,
  { body, change, ...slice }: SliceToStage,
): Promise<void> {
  if (change === null) return await uploadAndSeal(context, event, target, { ...slice, body, transformed: null })
  await using transformed = transformSlice(context, event, body, { change, to: askedForm(target) })
  await uploadAndSeal(context, event, target, { ...slice, body: transformed.body, transformed })
}

interface SliceToUpload extends Omit<SliceToStage, 'change'> {
  readonly transformed: TransformedSlice | null
}

async function uploadAndSeal(
  context: RunContext,
  event: StageEvent,
  target: ObjectTarget,
  { body, columns, signal, transformed }: SliceToUpload,
): Promise<void> {
  const { world, run } = context
  const key = target.keyOf(run.runId, event.slice)
  const unbounded = { ...body, maxRecordBytes: Number.MAX_SAFE_INTEGER, shouldStop: () => false }
  const sent = asPreferred(target, { ...body, body: crashing(context, body) }, columns)
  const counted = countRecords(sent.body, { ...unbounded, encoding: sent.encoding })
  let upload: { uploadId: string } | null
  try {
    upload = await uploadUnlessEmpty(target, key, columns, counted.body, signal)
  } catch (error) {
    await transformed?.forget(error)
    throw error
  }
  world.reach('stage/after-object')
  const published = upload === null ? emptyObjectOf(target, run.runId, event.slice) : { key, ...upload }
  try {
    const part = { bytes: counted.bytes(), records: counted.records() }
    await seal(context, event, sealOf(context, event, [part], published), transformed)
  } catch (error) {
    // Of a broken connection nobody knows whether the seal stands and names this upload.
    if (!ledger.isDuplicate(error)) throw error
    await transformed?.forget(error)
    if (upload !== null) await target.store.abortUpload(key, upload.uploadId)
  }
}

/** JSON is made of COPY text on its way. */
function asPreferred({ preferred }: ObjectTarget, body: Body, columns: SliceToStage['columns']): Body {
  if (preferred.format !== 'jsonl') return body
  if (columns === null) throw new TransferError('internal/bug', 'columns without names cannot be written as JSON')
  return { ...body, encoding: preferred, body: encodeJsonLines(body.body, columns, body.maxRecordBytes) }
}

/** In one transaction with what became of the records that are not in the object. */
async function seal(
  { sql }: RunContext,
  event: StageEvent,
  row: ledger.Seal,
  transformed: TransformedSlice | null,
): Promise<void> {
  if (transformed === null) return await ledger.insertSliceDone(sql, row)
  const at = { ...event, runId: row.runId }
  // Written before the commit: a dirty record that the ledger counts is never missing.
  const { records, dirtyObject } = await transformed.close()
  await sql.transaction(async () => {
    if (dirtyObject !== null) await ledger.insertSliceDirty(sql, at, { records, dirtyObject })
    if (transformed.leftOut() > 0) await ledger.insertSliceFiltered(sql, at, transformed.leftOut())
    await ledger.insertSliceDone(sql, row)
  })
}

/** A slice without rows gives no object; the first slice's is written by `finish`, so that an empty table leaves its header. */
export const emptyObjectOf = (target: ObjectTarget, runId: RunId, slice: number): ledger.Seal['upload'] =>
  slice === 0 ? { key: target.keyOf(runId, slice), uploadId: null } : null

async function* crashing({ world }: RunContext, { body }: Body): AsyncIterable<Uint8Array> {
  for await (const piece of body) {
    yield piece
    world.reach('stage/mid-object')
  }
}

async function uploadUnlessEmpty(
  target: ObjectTarget,
  key: string,
  columns: SliceToStage['columns'],
  body: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): Promise<{ uploadId: string } | null> {
  const pieces = body[Symbol.asyncIterator]()
  const first = await pieces.next()
  if (first.done === true) return null
  const records = async function* () {
    yield first.value
    yield* { [Symbol.asyncIterator]: () => pieces }
  }
  const whole = target.encode?.(records(), columns) ?? behind(target.header(columns), records())
  const packed = target.pack?.(whole) ?? whole
  const { uploadId } = await target.store.prepareUpload(key, packed, { ...target.putOptions, signal })
  return { uploadId }
}

async function* behind(header: Uint8Array, records: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  if (header.length > 0) yield header
  yield* records
}
