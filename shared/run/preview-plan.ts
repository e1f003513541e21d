import type { Decision, Slice, SliceText, Source, Statements, Target } from '../connectors/contract.ts'
import { type EstimatedCost, estimateCost, type PlannedWork } from '../cost/estimate.ts'
import type { JobSpec } from '../job/index.ts'
import type { WorkPlan } from '../plan/work.ts'
import { decideWork, holdSnapshot } from './decide-work.ts'
import { type EndsContext, ledgerOf, openSource, openTarget } from './ends.ts'
import { incrementalOf, type PlannedIncrement, planIncrement } from './increment.ts'
import { mostLanes } from './load-here.ts'
import { isNear } from './near-target.ts'
import type { Deadline, World } from './world.ts'
import { sentEncoding, statementsOf } from './write-statements.ts'

export interface PlanPreview {
  readonly staged: boolean
  readonly pieces: number
  readonly bytes: number | null
  readonly records: number | null
  /** null: the size of the source is not known before it is read. */
  readonly cost: EstimatedCost | null
  readonly decisions: readonly Decision[]
  /** Versions of objects that would be read: the first of them, and how many there are. */
  readonly objects: { readonly count: number; readonly first: readonly ReadObject[] }
  /** The first slices as they would be read. */
  readonly reads: readonly SliceText[]
  /** What would be sent to the destination; `rows_of_run` and `run` stand for names that hold the id of the run. */
  readonly writes: Statements
}

export interface ReadObject {
  readonly object: string
  readonly etag: string
  readonly bytes: number
  readonly slices: number
}

/** So many are told: a plan may have a hundred thousand. */
const told = { objects: 100, slices: 10 }

/**
 * What `plan` would decide now: the same functions in the same order on the same facts, and nothing is written. A snapshot
 * is taken as a run would take it, and given back.
 * @throws job/no-adbpg-end, and what a run would fail with before it moves a row
 */
export async function previewPlan(world: World, spec: JobSpec, deadline: Deadline): Promise<PlanPreview> {
  const context: EndsContext = { world, log: world.log, deadline, run: { spec, trigger: null } }
  await ledgerOf(world, spec)
  await using source = await openSource(context)
  await using target = await openTarget(context)
  const planned = await previewIncrement(context, source)
  await using snapshot = await holdSnapshot(source, target)
  const plan = await decideWork(context, source, target, { snapshot: snapshot?.token ?? null, planned })
  const encoding = sentEncoding(context, source, target)
  const texts = await textsOf(plan.slices, (slice) => source.describe(slice, encoding))
  return {
    staged: plan.toStage.length > 0,
    pieces: plan.slices.length,
    ...sumOf(plan),
    cost: estimateCost(await workOf(context, target, plan, texts), world.settings.prices),
    decisions: plan.decisions,
    objects: objectsOf(texts),
    reads: texts.slice(0, told.slices),
    writes: await statementsOf(context, source, target, plan),
  }
}

async function workOf(
  context: EndsContext,
  target: Target,
  plan: WorkPlan,
  texts: readonly SliceText[],
): Promise<PlannedWork> {
  const { world, run } = context
  const staged = plan.toStage.length > 0
  const isLoadedWhereRead = staged && isNear(context, target, await ledgerOf(world, run.spec))
  const { bytes } = sumOf(plan)
  return {
    staged,
    pieces: plan.slices.length,
    ...(bytes === null ? bytesOfFiles(texts) : { bytes, compressedBytes: 0 }),
    sideBySide: isLoadedWhereRead ? Math.min(run.spec.settings.concurrent, mostLanes) : null,
  }
}

/** @returns as `bytes` null where a slice is a statement */
function bytesOfFiles(texts: readonly SliceText[]): Pick<PlannedWork, 'bytes' | 'compressedBytes'> {
  let [bytes, compressedBytes] = [0, 0]
  for (const text of texts) {
    if ('statement' in text) return { bytes: null, compressedBytes: 0 }
    if (text.isCompressed) compressedBytes += text.end - text.start
    else bytes += text.end - text.start
  }
  return { bytes, compressedBytes }
}

async function previewIncrement(
  { world, deadline, run: { spec } }: EndsContext,
  source: Source,
): Promise<PlannedIncrement | null> {
  if ((await incrementalOf(world, spec)) === null) return null
  await using sql = await world.connectSql(await ledgerOf(world, spec), deadline.signal)
  return await planIncrement(world, sql, source, { spec, runId: null })
}

/** Objects are counted, so all slices of a file source are looked at; of statements the first are enough. */
async function textsOf(slices: readonly Slice[], describe: (slice: Slice) => Promise<SliceText>): Promise<SliceText[]> {
  const texts: SliceText[] = []
  for (const slice of slices) {
    const text = await describe(slice)
    texts.push(text)
    if ('statement' in text && texts.length === told.slices) break
  }
  return texts
}

function objectsOf(texts: readonly SliceText[]): PlanPreview['objects'] {
  const found = new Map<string, ReadObject>()
  for (const text of texts) {
    if ('statement' in text) continue
    const { object, etag, objectBytes: bytes } = text
    found.set(object, { object, etag, bytes, slices: (found.get(object)?.slices ?? 0) + 1 })
  }
  return { count: found.size, first: [...found.values()].slice(0, told.objects) }
}

function sumOf({ toStage, chunks }: WorkPlan): { bytes: number | null; records: number | null } {
  if (toStage.length > 0) return { bytes: null, records: null }
  const bytes = chunks.reduce((sum, chunk) => sum + chunk.bytes, 0)
  return {
    // Of chunks whose bytes only reading tells, nothing is said.
    bytes: bytes === 0 && chunks.length > 0 ? null : bytes,
    records: chunks.reduce((sum, chunk) => sum + (chunk.records ?? 0), 0),
  }
}
