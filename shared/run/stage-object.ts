import { countRecords } from '../codecs/count-records.ts'
import type { Body, ObjectTarget } from '../connectors/contract.ts'
import type { RunId } from '../job/index.ts'
import * as ledger from '../ledger/index.ts'
import type { StageEvent } from './events.ts'
import type { RunContext } from './run-context.ts'
import { sealOf } from './seal-slice.ts'

/**
 * Uploads the slice as the destination's object and leaves it unseen. A record of any length may pass: its bytes go through
 * in parts, and nothing is decided about it.
 */
export async function stageObject(
  context: RunContext,
  event: StageEvent,
  target: ObjectTarget,
  body: Body,
  { signal, columns }: { signal: AbortSignal; columns: Parameters<ObjectTarget['header']>[0] },
): Promise<void> {
  const { world, sql, run } = context
  const key = target.keyOf(run.runId, event.slice)
  const unbounded = { ...body, maxRecordBytes: Number.MAX_SAFE_INTEGER, shouldStop: () => false }
  const counted = countRecords(crashing(context, body), unbounded)
  const upload = await uploadUnlessEmpty(target, key, target.header(columns), counted.body, signal)
  world.reach('stage/after-object')
  const published = upload === null ? emptyObjectOf(target, run.runId, event.slice) : { key, ...upload }
  try {
    const part = { bytes: counted.bytes(), records: counted.records() }
    await ledger.insertSliceDone(sql, sealOf(context, event, [part], published))
  } catch (error) {
    // Of a broken connection nobody knows whether the seal stands and names this upload.
    if (!ledger.isDuplicate(error)) throw error
    if (upload !== null) await target.store.abortUpload(key, upload.uploadId)
  }
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
  header: Uint8Array,
  body: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): Promise<{ uploadId: string } | null> {
  const pieces = body[Symbol.asyncIterator]()
  const first = await pieces.next()
  if (first.done === true) return null
  const whole = async function* () {
    if (header.length > 0) yield header
    yield first.value
    yield* { [Symbol.asyncIterator]: () => pieces }
  }
  const { uploadId } = await target.store.prepareUpload(key, whole(), { ...target.putOptions, signal })
  return { uploadId }
}
