import { type CopyEncoding, copyText } from '../codecs/encoding.ts'
import type { ObjectTarget, OnRefused, ReadHow, Slice, Source, Target } from '../connectors/contract.ts'
import { TransferError } from '../errors/index.ts'
import * as ledger from '../ledger/index.ts'
import type { Clock } from '../ports/index.ts'
import { placeOf, sendAgainIfLost, sendAnew } from './dispatch.ts'
import { openSource, openTarget } from './ends.ts'
import type { StageEvent } from './events.ts'
import { canPipe, pipeSlice, type SliceToPipe } from './pipe-slice.ts'
import { capped, isCapped } from './rate-cap.ts'
import { askedForm } from './record-form.ts'
import type { RunContext } from './run-context.ts'
import { sealOf, sealOnce } from './seal-slice.ts'
import { sendOneWaiting } from './slot-waits.ts'
import { stageChunks } from './stage-chunks.ts'
import { emptyObjectOf, stageObject } from './stage-object.ts'
import { stageParts } from './stage-parts.ts'
import { changesOf } from './transforming.ts'
import { finishIfComplete, sendChunkAfter, sendChunksInTurn, sendSliceAfter, sendSlicesInTurn } from './window.ts'

/**
 * Reads one slice of a source. Towards a database it goes into the table (pipe-slice.ts) or becomes chunk objects; towards
 * OSS it becomes the destination object, uploaded but not yet visible. Nothing of it counts before the slice is sealed in the
 * ledger: an attempt that dies leaves no trace but bytes that `finish` removes, and of two attempts the first to seal wins. A
 * slice that gives the same bytes each time is the exception: its chunks count one by one (stage-parts.ts).
 */
export async function stageSlice(context: RunContext, event: StageEvent): Promise<void> {
  const { sql, run } = context
  const plan = await ledger.readPlan(sql, run.runId)
  if (plan === null || plan.epoch !== event.epoch) return
  const slice = await ledger.readSlice(sql, run.runId, event.epoch, event.slice)
  if (slice === null) throw new TransferError('event/invalid', `run ${run.runId} has no slice ${event.slice}`)
  const work = { event, slice: slice.descriptor, slices: plan.slices }
  const became = slice.done ? await sealedBefore(context, event) : await readPinned(context, work)
  if (became === null) return
  context.world.reach('stage/after-ledger-row')
  await sendOneWaiting(context)
  const next = await sendSliceAfter(context, event.epoch, event.slice)
  await sendSlicesInTurn(context, event.epoch, became.slices)
  await sendChunksInTurn(context, became.ordinals)
  if (next === 'none') await finishIfComplete(context)
}

interface SliceToRead {
  readonly event: StageEvent
  readonly slice: Slice
  /** How many the run has. */
  readonly slices: number
}

/** What a sealed slice became: chunks to load, or smaller slices to read. */
interface Became {
  readonly ordinals: readonly number[]
  readonly slices: readonly number[]
}
const nothing: Became = { ordinals: [], slices: [] }

/** An attempt before this one may have died between its seal and what it had to send. Smaller slices are left to `tick`. */
async function sealedBefore({ sql, run }: RunContext, event: StageEvent): Promise<Became> {
  return { ...nothing, ordinals: await ledger.listOrdinalsOfSlice(sql, run.runId, event.slice) }
}

/**
 * A snapshot dies with the planner that holds it. The planner's repeat starts over in a new epoch with slices of its own, so
 * one of the old epoch has nothing left to do; failing would end a run that is about to go on.
 * @returns null when the slice is left to that
 */
async function readPinned(context: RunContext, work: SliceToRead): Promise<Became | null> {
  try {
    return await readOrCut(context, work)
  } catch (error) {
    if (!(error instanceof TransferError) || error.code !== 'run/snapshot-lost') throw error
    if (await ledger.isAlive(context.sql, placeOf(context, { step: 'plan' }))) throw error
    context.log.warn('the snapshot is lost; the planner starts over', { error: error.report() })
    await sendAgainIfLost(context, { step: 'plan' })
    return null
  }
}

/**
 * What is not read by the function's soft deadline is given up and cut smaller, as a query cannot go on in its middle: the
 * parts are slices of their own (design §4, promise 5). What gives the same bytes again goes on in another invocation.
 * @returns null when that, or another attempt, has what is left to do
 * @throws source/unsplittable-deadline
 */
async function readOrCut(context: RunContext, work: SliceToRead): Promise<Became | null> {
  const { event, slice, slices } = work
  await using source = await openSource(context)
  await using target = await openTarget(context)
  using soft = abortAt(context.deadline.softAt, context.world.clock)
  const reader = await context.world.findReader(context.run.spec.reader.kind)
  if (reader.repeatable && target.kind === 'copy') {
    const outcome = await stageParts(context, event, { slice, slices, source, target, soft: soft.signal })
    if (outcome === 'handed-over') await sendAnew(context, { step: 'stage', epoch: event.epoch, slice: event.slice })
    return outcome === 'sealed' ? nothing : null
  }
  try {
    return await readWhole(context, work, source, target, soft.signal)
  } catch (error) {
    if (!soft.signal.aborted || context.deadline.signal.aborted) throw error
    const smaller = (await source.cutSmaller?.(slice)) ?? []
    if (smaller.length === 0) throw unsplittable(event, error)
    return { ...nothing, slices: await sealCut(context, event, target, smaller) }
  }
}

async function readWhole(
  context: RunContext,
  { event, slice, slices }: SliceToRead,
  source: Source,
  target: Target,
  soft: AbortSignal,
): Promise<Became | null> {
  const signal = AbortSignal.any([context.deadline.signal, soft])
  if (canPipe(context, target, slices) && (await isCuttable(source, slice))) {
    const became = await pipe(context, event, { slice, source, target, signal })
    if (became !== 'refused') return became
  }
  const read = (encoding: CopyEncoding, how: ReadHow) => source.read(slice, source.offer(encoding), signal, how)
  if (target.kind !== 'object') {
    const readRows = (onRefused: OnRefused) => read(target.preferred, { onRefused })
    return { ...nothing, ordinals: await stageChunks(context, event, target, readRows, signal) }
  }
  const change = await changesOf(context, source)
  const lent = change === null && goesAsItIs(target) && !isCapped(context)
  const body = await capped(context, 'stage', await read(change === null ? askedForm(target) : copyText, { lent }))
  await stageObject(context, event, target, { body, change, signal, columns: await source.columns() })
  return nothing
}

/** Into the parts of an upload, without a stop: nothing else holds the bytes of the source. */
const goesAsItIs = ({ preferred, encode, pack }: ObjectTarget) =>
  preferred.format !== 'jsonl' && encode === null && pack === null

/**
 * One that COPY makes too slow is cut smaller, as one that takes too long to read. What cannot be cut may be of any size: its
 * chunks are staged as fast as it is read.
 */
const isCuttable = async ({ cutSmaller }: Source, slice: Slice) => ((await cutSmaller?.(slice)) ?? []).length > 0

async function pipe(context: RunContext, event: StageEvent, work: SliceToPipe): Promise<Became | null | 'refused'> {
  const piped = await pipeSlice(context, event, work)
  if (piped === 'refused') return piped
  if (piped === 'left') return null
  await sendChunkAfter(context, piped.ordinal)
  return nothing
}

/** A signal that aborts at a time; one beyond what a timer can wait for never comes. */
function abortAt(at: Date, clock: Clock): { readonly signal: AbortSignal } & Disposable {
  const controller = new AbortController()
  const waitMs = at.getTime() - clock.now().getTime()
  const timer = waitMs > 2 ** 31 - 1 ? undefined : setTimeout(() => controller.abort(), Math.max(0, waitMs))
  return { signal: controller.signal, [Symbol.dispose]: () => clearTimeout(timer) }
}

const unsplittable = ({ slice }: StageEvent, cause: unknown) =>
  new TransferError(
    'source/unsplittable-deadline',
    `slice ${slice} was not read within the time limit of the stage function, and cannot be cut smaller`,
    { slice },
    { cause },
  )

/** One transaction seals the slice as holding nothing and makes the smaller ones known. @returns their numbers */
async function sealCut(
  context: RunContext,
  event: StageEvent,
  target: Target,
  smaller: readonly Slice[],
): Promise<readonly number[]> {
  const { sql, run, log } = context
  const upload = target.kind === 'object' ? emptyObjectOf(target, run.runId, event.slice) : null
  const numbers = await sealOnce(context, event, async () => {
    const taken = await ledger.insertSmallerSlices(sql, { runId: run.runId, epoch: event.epoch }, smaller)
    await ledger.insertSliceDone(sql, sealOf(context, event, [], upload))
    return taken
  })
  log.info(`slice ${event.slice} was not read in time and is cut`, { into: smaller.length })
  return numbers ?? []
}
