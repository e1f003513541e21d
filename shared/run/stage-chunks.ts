import { randomBytes } from 'node:crypto'
import type { Encoding } from '../codecs/encoding.ts'
import { withoutLongRecords } from '../codecs/long-records.ts'
import type { Body, CopyTarget, OnRefused, RowTarget } from '../connectors/contract.ts'
import { TransferError } from '../errors/index.ts'
import * as ledger from '../ledger/index.ts'
import { dirtyPrefixOfSlice, formatStagedChunk } from '../staging/keys.ts'
import { type WrittenChunk, writeChunks } from '../staging/write-chunks.ts'
import { describeDirty, tooLarge } from './dirty.ts'
import { openDirtyGuard } from './dirty-limit.ts'
import { type DirtyLog, openDirtyLog, removeDirty } from './dirty-log.ts'
import type { StageEvent } from './events.ts'
import { capped } from './rate-cap.ts'
import type { RunContext } from './run-context.ts'
import { sealOf, sealOnce } from './seal-slice.ts'

/** Reads the slice into chunk objects and makes them known together. @returns their ordinals */
export async function stageChunks(
  context: RunContext,
  event: StageEvent,
  target: CopyTarget | RowTarget,
  read: (onRefused: OnRefused) => Promise<Body>,
  signal: AbortSignal,
): Promise<readonly number[]> {
  const { world, run } = context
  const attempt = randomBytes(6).toString('hex')
  await using guard = openDirtyGuard(context, event, 1)
  const keyOf = (index: number) => formatStagedChunk({ runId: run.runId, slice: event.slice, attempt, index })
  const { store } = world
  const dirtyPrefix = dirtyPrefixOfSlice({ runId: run.runId, slice: event.slice, attempt })
  const staged: Staged = { written: [], dirty: openDirtyLog(store, dirtyPrefix, guard) }
  let encoding: Encoding
  try {
    const setAside = settingAside(staged.dirty)
    const body = await capped(context, 'stage', await read(setAside))
    encoding = body.encoding
    refuseUnlessText(target, encoding)
    const records = withoutLongRecords(body.body, body.maxRecordBytes, (record) =>
      setAside(record, tooLarge(record.length, body.maxRecordBytes), body.origin),
    )
    const { maxRecordBytes } = body
    const options = { keyOf, targetBytes: world.settings.stageChunkBytes, maxRecordBytes, signal }
    for await (const chunk of writeChunks(store, records, options)) {
      staged.written.push(chunk)
      world.reach('stage/mid-object')
    }
  } catch (error) {
    if (isRecordCode(error)) await staged.dirty.close()
    else await removeDirty(store, dirtyPrefix).catch(() => undefined)
    // What is staged is of no use to the next attempt; where it cannot be removed now, `finish` does it.
    await store.remove(staged.written.map((chunk) => chunk.key)).catch(() => undefined)
    throw error
  }
  world.reach('stage/after-object')
  // Of a broken connection nobody knows whether the seal stands, so nothing is removed for an error from here on.
  const ordinals = await sealChunks(context, event, staged, encoding)
  if (ordinals === null) await store.remove(staged.written.map((chunk) => chunk.key))
  return ordinals ?? []
}

/** The attempt ends the run, so its dirty records are those to look at; after any other error there is another attempt. */
const isRecordCode = (error: unknown) => error instanceof TransferError && error.code.startsWith('record/')

/** What one attempt at a slice has written. */
interface Staged {
  readonly written: WrittenChunk[]
  readonly dirty: DirtyLog
}

/** Staged bytes are cut at newlines, which only COPY text allows (staging/write-chunks.ts). */
function refuseUnlessText(target: CopyTarget | RowTarget, encoding: Encoding): void {
  const reason = encoding.format === 'text' ? target.refuses(encoding) : 'staged chunks are COPY text'
  if (reason !== null) throw new TransferError('internal/bug', `cannot stage as ${encoding.format}: ${reason}`)
}

/** @throws record/limit-exceeded, or the reason of the record where no dirty record is allowed */
function settingAside(dirty: DirtyLog): OnRefused {
  return (record, reason, origin) => dirty.add(describeDirty(record, reason, origin))
}

/** One transaction makes the slice and its chunks known. @returns null when another attempt was faster */
async function sealChunks(
  context: RunContext,
  event: StageEvent,
  { written, dirty }: Staged,
  encoding: Encoding,
): Promise<readonly number[] | null> {
  const { sql, run } = context
  const dirtyObject = await dirty.close()
  return await sealOnce(context, event, async () => {
    const first = await ledger.nextOrdinal(sql, run.runId)
    const chunks = written.map((chunk, index) => chunkRow(event.slice, first + index, chunk, encoding))
    await ledger.insertChunks(sql, run.runId, chunks)
    if (dirtyObject !== null) await ledger.insertSliceDirty(sql, event, { records: dirty.count(), dirtyObject })
    await ledger.insertSliceDone(sql, sealOf(context, event, written, null))
    return chunks.map((chunk) => chunk.ordinal)
  })
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
