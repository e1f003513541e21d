import { randomBytes } from 'node:crypto'
import { oneAhead } from '../codecs/one-ahead.ts'
import { type RecordChunk, recordChunksOf } from '../codecs/record-chunks.ts'
import type { Body, CopyTarget, Slice, Source } from '../connectors/contract.ts'
import { TransferError } from '../errors/index.ts'
import * as ledger from '../ledger/index.ts'
import { formatStagedChunk } from '../staging/keys.ts'
import { placeOf } from './dispatch.ts'
import type { StageEvent } from './events.ts'
import { sendLeftBehind } from './left-behind.ts'
import { openLoadingHere } from './load-here.ts'
import { isNear } from './near-target.ts'
import { capped, isCapped } from './rate-cap.ts'
import type { RunContext } from './run-context.ts'
import { sealOf, sealOnce } from './seal-slice.ts'
import { sendChunksInTurn } from './window.ts'

/** What an attempt at a slice came to: `left` is one that another attempt has overtaken, or whose run is over. */
export type StagedParts = 'sealed' | 'handed-over' | 'left'

/** A slice that can be read again but not from its middle, such as a gzip stream. */
interface PartsToStage {
  readonly slice: Slice
  /** How many the run has. */
  readonly slices: number
  readonly source: Source
  readonly target: CopyTarget
  /** Aborts at the soft deadline. */
  readonly soft: AbortSignal
}

/**
 * Cuts the slice into chunks that are loaded while it is still being read. Each is a fact by itself: it commits with a row
 * that says how far the reading has come, and whoever comes next, after a crash or at the deadline, reads the same bytes
 * again up to there and goes on. So no chunk depends on where an earlier attempt would have cut.
 * @throws source/unsplittable-deadline when not one chunk was made in time
 */
export async function stageParts(context: RunContext, event: StageEvent, work: PartsToStage): Promise<StagedParts> {
  const { world, run, sql, deadline } = context
  const at = { runId: run.runId, epoch: event.epoch, slice: event.slice }
  const before = await ledger.readSliceProgress(sql, at)
  const making = { context, event, attempt: randomBytes(6).toString('hex'), ...(await openRest(context, work, before)) }
  let progress = before
  const isOutOfTime = () => work.soft.aborted || world.clock.now() >= deadline.softAt
  const { body } = making
  const isLoadedHere = isNear(context, work.target, context.address)
  // Where they are staged, one is uploaded while the next is filled, so two are in memory.
  const targetBytes = world.settings.stageChunkBytes / (isLoadedHere ? loadedHerePart : 2)
  const { generation } = event
  const how = { generation, isMerged: work.target.conflict !== null, isOnlySlice: work.slices === 1 }
  if (before.parts > 0) await sendLeftBehind(context, event.slice, isLoadedHere)
  await using here = isLoadedHere ? openLoadingHere(context, work.source, how) : null
  try {
    const placed = { ...body.origin, start: startOf(body) }
    const loadedHere = here && { nextBuffer: here.nextBuffer, firstBytes: targetBytes / firstPart }
    const options = { ...body, origin: placed, targetBytes, ...loadedHere }
    for await (const chunk of oneAhead(recordChunksOf(body.body, options))) {
      const known = await (here === null ? stagePart : keepPart)(making, progress, chunk)
      if (known === null) return 'left'
      world.reach('stage/after-part')
      if (here === null) await sendChunksInTurn(context, [known.ordinal])
      else await here.load({ ...chunk, known })
      progress = progressWith(progress, chunk)
      if ((await ledger.readHalt(sql, run.runId, run.generation)) !== null) return 'left'
      if (isOutOfTime()) return 'handed-over'
    }
  } catch (error) {
    if (!isOutOfTime() || deadline.signal.aborted) throw naming(body.origin.name, error)
    if (progress.parts === before.parts) throw tooSlow(event, before, error)
    return 'handed-over'
  }
  await here?.settled()
  world.reach('stage/after-object')
  const total = { records: progress.records, bytes: progress.sourceBytes }
  const sealed = await sealOnce(context, event, async () => {
    await ledger.insertSliceDone(sql, sealOf(context, event, [total], null))
    return true
  })
  return sealed === null ? 'left' : 'sealed'
}

/**
 * Of chunks that are loaded here, a quarter of a staged one each: two are filled in turn, and up to three are being loaded.
 * Larger ones leave the caches: of half a staged one, COPY and this function took 0.6 and 1.3 CPU-seconds a GB more.
 */
const loadedHerePart = 4
/** The server waits for the first one. */
const firstPart = 4

interface Making {
  readonly context: RunContext
  readonly event: StageEvent
  /** Keeps the objects of two attempts apart. */
  readonly attempt: string
  readonly source: Source
  /** What was not read yet when the attempt began, and where that was. */
  readonly body: Body
  readonly slice: Slice
  readonly before: ledger.SliceProgress
}

async function openRest(
  context: RunContext,
  { slice, source, target, soft }: PartsToStage,
  before: ledger.SliceProgress,
): Promise<Pick<Making, 'source' | 'body' | 'slice' | 'before'>> {
  if (source.rest === null) throw noRest()
  const rest = source.rest(slice, { bytes: before.sourceBytes, records: before.records })
  const signal = AbortSignal.any([context.deadline.signal, soft])
  // Chunks are copies; what holds a run to its cap keeps pieces.
  const body = await source.read(rest, source.offer(target.preferred), signal, { lent: !isCapped(context) })
  return { source, body: await capped(context, 'stage', body), slice, before }
}

const noRest = () => new TransferError('internal/bug', 'a source that gives the same bytes again has no rest')

const progressWith = (progress: ledger.SliceProgress, { records, sourceBytes }: RecordChunk): ledger.SliceProgress => ({
  parts: progress.parts + 1,
  records: progress.records + records,
  sourceBytes: progress.sourceBytes + sourceBytes,
})

/** @returns what was made; null when another attempt was faster */
type MakePart = (making: Making, progress: ledger.SliceProgress, chunk: RecordChunk) => Promise<ledger.NewChunk | null>

/** The object first, then the transaction that makes it known. */
const stagePart: MakePart = async (making, progress, chunk) => {
  const { context, event, attempt, body, slice, before } = making
  const { world, run, deadline } = context
  const key = formatStagedChunk({ runId: run.runId, slice: event.slice, attempt, index: progress.parts })
  const options = { contentType: 'application/octet-stream', signal: deadline.signal }
  const { etag } = await world.store.put(key, chunk.bytes, options)
  world.reach('stage/mid-object')
  const { encoding, newline, maxRecordBytes, origin } = body
  const start = startOf(body) + progress.sourceBytes - before.sourceBytes
  const firstRecord = origin.firstRecord + progress.records - before.records
  const cutFrom = { slice: { ...slice }, name: origin.name, start, firstRecord, newline, maxRecordBytes }
  const placed = { key, etag, start: 0, end: chunk.bytes.length, firstRecord: 1 }
  const known = await tellPart(making, progress, chunk, { from: 'stage', ...placed, encoding, cutFrom })
  if (known === null) await world.store.remove([key])
  return known
}

/** A part of the file, which whoever has to load it can read again. */
const keepPart: MakePart = async (making, progress, chunk) => {
  const { rest, first } = making.source
  if (rest === null || first === null) throw noRest()
  const behind = rest(making.slice, { bytes: progress.sourceBytes, records: progress.records })
  return await tellPart(making, progress, chunk, { from: 'source', slice: first(behind, chunk.sourceBytes) })
}

/** The transaction that makes a part known, with how far the reading has come. */
async function tellPart(
  { context, event }: Making,
  { parts: part }: ledger.SliceProgress,
  { bytes, records, sourceBytes }: RecordChunk,
  source: ledger.ChunkSource,
): Promise<ledger.NewChunk | null> {
  const { run, sql, world } = context
  const at = { runId: run.runId, epoch: event.epoch, slice: event.slice }
  const chunk = { part: 0, slice: event.slice, source, records, bytes: bytes.length }
  for (;;) {
    try {
      return await sql.transaction(async () => {
        const ordinal = await ledger.nextOrdinal(sql, run.runId)
        const known = { ...chunk, ordinal }
        await ledger.insertChunks(sql, run.runId, [known])
        await ledger.insertSlicePart(sql, at, { part, ordinal, records, sourceBytes })
        // Loaded where it is cut.
        if (source.from === 'source')
          await ledger.insertDispatch(sql, placeOf(context, { step: 'load', ordinal, part: 0 }), 0, world.clock.now())
        return known
      })
    } catch (error) {
      if (!ledger.isDuplicate(error)) throw error
      if ((await ledger.readSliceProgress(sql, at)).parts <= part) continue
      return null
    }
  }
}

/** What is wrong in a file is found without knowing which file it is. */
function naming(name: string, error: unknown): unknown {
  if (!(error instanceof TransferError) || !error.code.startsWith('source/')) return error
  const { code, message, context, cause } = error
  return new TransferError(code, `${name}: ${message}`, context, { cause })
}

function tooSlow({ slice }: StageEvent, { sourceBytes }: ledger.SliceProgress, cause: unknown): TransferError {
  const message = `slice ${slice} has to be read from its beginning to go on behind byte ${sourceBytes}, which took all the time that the stage function has`
  return new TransferError('source/unsplittable-deadline', message, { slice, sourceBytes }, { cause })
}

/** What is staged in parts is one file from its beginning, so its records have bytes. @throws internal/bug */
function startOf({ origin }: Body): number {
  if (origin.start !== null) return origin.start
  throw new TransferError(
    'internal/bug',
    `records of ${origin.name} have no bytes of their own, and cannot be staged in parts`,
  )
}
