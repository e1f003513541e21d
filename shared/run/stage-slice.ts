import { randomBytes } from 'node:crypto'
import { countRecords } from '../codecs/count-records.ts'
import type { Encoding } from '../codecs/encoding.ts'
import type { Body, CopyTarget, ObjectTarget } from '../connectors/contract.ts'
import { TransferError } from '../errors/index.ts'
import * as ledger from '../ledger/index.ts'
import { formatStagedChunk } from '../staging/keys.ts'
import { type WrittenChunk, writeChunks } from '../staging/write-chunks.ts'
import { openSource, openTarget } from './ends.ts'
import type { StageEvent } from './events.ts'
import type { RunContext } from './run-context.ts'
import { finishIfComplete, sendChunksInTurn, sendSliceAfter } from './window.ts'

/**
 * Reads one slice of a source. Towards a database it becomes chunk objects; towards OSS it becomes the destination object,
 * uploaded but not yet visible. Nothing of it counts before the slice is sealed in the ledger: an attempt that dies
 * leaves no trace but bytes that `finish` removes, and of two attempts the first to seal wins.
 */
export async function stageSlice(context: RunContext, event: StageEvent): Promise<void> {
  const { sql, run } = context
  const plan = await ledger.readPlan(sql, run.runId)
  if (plan === null || plan.epoch !== event.epoch) return
  const slice = await ledger.readSlice(sql, run.runId, event.epoch, event.slice)
  if (slice === null) throw new TransferError('event/invalid', `run ${run.runId} has no slice ${event.slice}`)
  const ordinals = slice.done ? [] : await readAndSeal(context, event, slice.descriptor)
  context.world.reach('stage/after-ledger-row')
  await sendSliceAfter(context, event.epoch, event.slice, plan.slices)
  await sendChunksInTurn(context, ordinals)
  await finishIfComplete(context)
}

async function readAndSeal(
  context: RunContext,
  event: StageEvent,
  descriptor: Parameters<Awaited<ReturnType<typeof openSource>>['read']>[0],
): Promise<readonly number[]> {
  await using source = await openSource(context)
  await using target = await openTarget(context)
  const encoding = source.offer(target.preferred)
  const body = await source.read(descriptor, encoding, context.deadline.signal)
  return target.kind === 'copy'
    ? await stageChunks(context, event, target, body)
    : await stageObject(context, event, target, body, await source.columns())
}

async function stageChunks(
  context: RunContext,
  event: StageEvent,
  target: CopyTarget,
  body: Body,
): Promise<readonly number[]> {
  const { world, run, deadline } = context
  refuseUnlessText(target, body.encoding)
  const attempt = randomBytes(6).toString('hex')
  const keyOf = (index: number) => formatStagedChunk({ runId: run.runId, slice: event.slice, attempt, index })
  const written: WrittenChunk[] = []
  const options = { keyOf, targetBytes: world.settings.stageChunkBytes, signal: deadline.signal }
  for await (const chunk of writeChunks(world.store, body.body, options)) {
    written.push(chunk)
    world.reach('stage/mid-object')
  }
  world.reach('stage/after-object')
  const ordinals = await sealChunks(context, event, written, body.encoding)
  if (ordinals === null) await world.store.remove(written.map((chunk) => chunk.key))
  return ordinals ?? []
}

/** Staged bytes are cut at newlines, which only COPY text allows (staging/write-chunks.ts). */
function refuseUnlessText(target: CopyTarget, encoding: Encoding): void {
  const reason = encoding.format === 'text' ? target.refuses(encoding) : 'staged chunks are COPY text'
  if (reason !== null) throw new TransferError('internal/bug', `cannot stage as ${encoding.format}: ${reason}`)
}

/**
 * One transaction makes the slice and its chunks known. Ordinals are taken from the end of the run's list; when two slices
 * are sealed at once, one of them meets the other's primary key and takes the next numbers.
 * @returns the ordinals; null when another attempt has sealed this slice
 */
async function sealChunks(
  context: RunContext,
  event: StageEvent,
  written: readonly WrittenChunk[],
  encoding: Encoding,
): Promise<readonly number[] | null> {
  const { sql, run } = context
  for (;;) {
    try {
      return await sql.transaction(async () => {
        const first = await ledger.nextOrdinal(sql, run.runId)
        const chunks = written.map((chunk, index) => chunkRow(event.slice, first + index, chunk, encoding))
        await ledger.insertChunks(sql, run.runId, chunks)
        await ledger.insertSliceDone(sql, sealOf(context, event, written, null))
        return chunks.map((chunk) => chunk.ordinal)
      })
    } catch (error) {
      if (!ledger.isDuplicate(error)) throw error
      const slice = await ledger.readSlice(sql, run.runId, event.epoch, event.slice)
      if (slice?.done !== false) return null
    }
  }
}

function chunkRow(slice: number, ordinal: number, chunk: WrittenChunk, encoding: Encoding): ledger.NewChunk {
  const { key, etag, bytes, records } = chunk
  return {
    ordinal,
    part: 0,
    slice,
    source: { from: 'stage', key, etag, start: 0, end: bytes, firstRecord: 1, encoding },
    records,
    bytes,
  }
}

function sealOf(
  context: RunContext,
  event: StageEvent,
  parts: readonly { bytes: number; records: number }[],
  upload: ledger.Seal['upload'],
): ledger.Seal {
  const total = (of: 'bytes' | 'records') => parts.reduce((sum, part) => sum + part[of], 0)
  const { epoch, slice } = event
  const at = context.world.clock.now()
  return { runId: context.run.runId, epoch, slice, records: total('records'), bytes: total('bytes'), upload, at }
}

async function stageObject(
  context: RunContext,
  event: StageEvent,
  target: ObjectTarget,
  body: Body,
  columns: Parameters<ObjectTarget['header']>[0],
): Promise<readonly number[]> {
  const { world, sql, run, deadline } = context
  const key = target.keyOf(run.runId, event.slice)
  const counted = countRecords(crashing(context, body), { ...body, shouldStop: () => false })
  const upload = await uploadUnlessEmpty(target, key, target.header(columns), counted.body, deadline.signal)
  world.reach('stage/after-object')
  const published = upload !== null || event.slice === 0 ? { key, uploadId: upload?.uploadId ?? null } : null
  try {
    await ledger.insertSliceDone(
      sql,
      sealOf(context, event, [{ bytes: counted.bytes(), records: counted.records() }], published),
    )
  } catch (error) {
    if (upload !== null) await target.store.abortUpload(key, upload.uploadId)
    if (!ledger.isDuplicate(error)) throw error
  }
  return []
}

async function* crashing({ world }: RunContext, { body }: Body): AsyncIterable<Uint8Array> {
  for await (const piece of body) {
    yield piece
    world.reach('stage/mid-object')
  }
}

/** A slice without rows gives no object; the first slice's is written by `finish`, so that an empty table leaves its header. */
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
  return await target.store.prepareUpload(key, whole(), { ...target.putOptions, signal })
}
