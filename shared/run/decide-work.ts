import type { Projection } from '../codecs/csv-project.ts'
import type { KeyProjection } from '../codecs/json-lines/write-record.ts'
import type { Decision, GatheredObject, Slice, Source, Target } from '../connectors/contract.ts'
import { TransferError } from '../errors/index.ts'
import { copyOrder } from '../load/copy-order.ts'
import { planWork, type WorkPlan } from '../plan/work.ts'
import { probeCapabilities } from '../postgres/capabilities.ts'
import { type EndsContext, ledgerOf } from './ends.ts'
import type { PlannedIncrement } from './increment.ts'
import { isNear } from './near-target.ts'
import { mergePlanOf } from './put-of.ts'
import { isCapped } from './rate-cap.ts'
import { isAtomic, tryPublication } from './run-staging.ts'
import { changesOf } from './transforming.ts'
import type { World } from './world.ts'
import { sentEncoding } from './write-statements.ts'

export interface WorkRequest {
  readonly snapshot: string | null
  readonly planned: PlannedIncrement | null
  /** Of a run that several arrivals share. */
  readonly gathered?: readonly GatheredObject[]
}

/**
 * Gathers the facts and lets the planner decide.
 * @throws job/invalid, job/unsupported for a step or a way of writing that cannot be done
 */
export async function decideWork(
  context: EndsContext,
  source: Source,
  target: Target,
  { snapshot, planned, gathered }: WorkRequest,
): Promise<WorkPlan> {
  const { world, run } = context
  const increment = planned?.increment ?? null
  await refuseUnfit(context, source, target, increment !== null)
  const { concurrent } = run.spec.settings
  const reader = await world.findReader(run.spec.reader.kind)
  const arrived = run.trigger?.type === 'object' ? run.trigger : null
  const { guessFromBytes } = world.settings
  const targetBytes = targetBytesOf(reader, world.settings)
  const want = {
    concurrent,
    targetBytes,
    arrived,
    increment,
    ...(mayGuess(context, target) && { guessFromBytes }),
    ...(gathered && { gathered }),
  }
  const isEmpty = increment !== null && increment.high === null
  const split = isEmpty ? { slices: [], decisions: [] } : await source.split(want)
  const columns = { source: await source.columns(), target: target.kind === 'object' ? null : await target.columns() }
  const picked =
    split.slices.map(({ slice }) => pickedBy(source, slice)).find((projection) => projection !== null) ?? null
  const steps = (run.spec.transform ?? []).map((step) => step.do)
  const writing = await writingDecisions(context, target)
  const near = isNear(context, target, await ledgerOf(world, run.spec))
  const ends = { columns, repeatable: reader.repeatable, target: target.kind, isNear: near }
  const facts = { ...ends, split, picked, snapshot }
  const gather = { targetBytes: want.targetBytes, concurrent, join: source.join }
  const plan = planWork({ ...facts, steps, writing, gather })
  return planned === null ? plan : { ...plan, decisions: [planned.decision, ...plan.decisions] }
}

/** What may be of other rows the next time is read whole within the time of one function, and is half as large. */
export const targetBytesOf = (
  { repeatable }: { readonly repeatable: boolean },
  { chunkBytes }: Pick<World['settings'], 'chunkBytes'>,
): number => (repeatable ? chunkBytes : Math.ceil(chunkBytes / 2))

/**
 * Where a slice truly begins is known when the one before it is loaded. A merge is tried with all of a chunk at once, and
 * under a rate cap chunks are handed over from function to function: neither waits for another.
 */
const mayGuess = (context: EndsContext, target: Target): boolean =>
  target.kind === 'copy' && (target.conflict === null || isAtomic(target)) && !isCapped(context)

/**
 * All slices of an export are read from one state of the source. Only exports hold a snapshot: an import that lost its
 * snapshot half-way could not start over, as rows are in the table. null: the server does not export snapshots.
 */
export async function holdSnapshot(
  source: Source,
  target: Target,
): Promise<({ readonly token: string } & AsyncDisposable) | null> {
  return target.kind === 'object' && source.holdSnapshot !== null ? await source.holdSnapshot() : null
}

/**
 * What is wrong between the two ends, as far as it can be told before the source is cut.
 * @throws job/invalid, job/unsupported
 */
export async function refuseUnfit(
  context: EndsContext,
  source: Source,
  target: Target,
  isIncremental: boolean,
): Promise<void> {
  if (isIncremental) refuseOverwrittenTable(target)
  refuseRewriting(context, source, target)
  await refuseTwins(source, target)
  await changesOf(context, source)
}

/** Staging does not rewrite bytes, so what COPY cannot take as it lies cannot go in. */
function refuseRewriting(context: EndsContext, source: Source, target: Target): void {
  const refusal = target.kind === 'object' ? null : target.refuses(sentEncoding(context, source, target))
  if (refusal === null) return
  throw new TransferError('job/unsupported', `this reader and writer do not fit so far: ${refusal}`)
}

/** Of two members of one name, readers of JSON take the last and lose the first. */
async function refuseTwins(source: Source, target: Target): Promise<void> {
  if (target.preferred.format !== 'jsonl') return
  const names = ((await source.columns()) ?? []).map(({ name }) => name)
  const twin = names.find((name, index) => names.indexOf(name) !== index)
  if (twin === undefined) return
  const message = `two columns are called ${twin}, and an object of JSON can hold but one; give one another name (… as …)`
  throw new TransferError('job/invalid', message, { column: twin })
}

/** A partition or the rows of a condition may be what the increment holds whole; the table never is. */
function refuseOverwrittenTable(target: Target): void {
  if (target.kind !== 'copy' || target.publication?.overwrite?.of !== 'table') return
  const message =
    'the rows of one increment would take the place of the whole table: leave out `overwrite`, or `incremental` of the reader'
  throw new TransferError('job/unsupported', message, { parameter: 'overwrite' })
}

/** Tried and planned as it will be, so that writing that cannot be done fails the plan. @throws job/unsupported */
export async function writingDecisions({ world, deadline }: EndsContext, target: Target): Promise<readonly Decision[]> {
  if (target.kind === 'rows') return [await target.promise()]
  if (target.kind === 'object' || (target.conflict === null && !isAtomic(target))) return []
  await using sql = await world.connectSql(target.connection, deadline.signal)
  const capabilities = await probeCapabilities(sql)
  if (isAtomic(target)) return await tryPublication(sql, target, capabilities)
  const columns = (await target.columns(sql)).map(({ name }) => name)
  const { how } = await mergePlanOf(sql, target, columns, capabilities)
  return [how]
}

/** The fields of a slice, where COPY's column list cannot say which goes where. */
function pickedBy(source: Source, slice: Slice): Projection | KeyProjection | null {
  const projection = source.projection?.(slice) ?? null
  return projection === null || copyOrder(projection) !== null ? null : projection
}
