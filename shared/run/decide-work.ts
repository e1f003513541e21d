import type { Projection } from '../codecs/csv-project.ts'
import type { Decision, Slice, Source, Target } from '../connectors/contract.ts'
import { copyOrder } from '../load/copy-order.ts'
import { planWork, type WorkPlan } from '../plan/work.ts'
import { probeCapabilities } from '../postgres/capabilities.ts'
import type { EndsContext } from './ends.ts'
import { mergePlanOf } from './put-of.ts'
import { changesOf } from './transforming.ts'

/** Gathers the facts and lets the planner decide. @throws job/invalid, job/unsupported for a step that cannot be done */
export async function decideWork(
  context: EndsContext,
  source: Source,
  target: Target,
  snapshot: string | null,
): Promise<WorkPlan> {
  const { world, run } = context
  const { concurrent } = run.spec.settings
  const reader = await world.findReader(run.spec.reader.kind)
  const split = await source.split({
    concurrent,
    targetBytes: world.settings.chunkBytes,
    arrived: run.trigger?.type === 'object' ? run.trigger : null,
  })
  const columns = { source: await source.columns(), target: target.kind === 'object' ? null : await target.columns() }
  const refusal = target.kind === 'object' ? null : target.refuses(source.offer(target.preferred))
  const picked =
    split.slices.map(({ slice }) => pickedBy(source, slice)).find((projection) => projection !== null) ?? null
  const steps = (run.spec.transform ?? []).map((step) => step.do)
  await changesOf(context, source)
  const writing = await writingDecision(context, target)
  const facts = { split, columns, repeatable: reader.repeatable, target: target.kind, refusal, picked, snapshot }
  return planWork({ ...facts, steps, writing })
}

/** Tried and planned as each chunk will be, so that a merge that cannot be done fails the plan. @throws job/unsupported */
async function writingDecision({ world, deadline }: EndsContext, target: Target): Promise<Decision | null> {
  if (target.kind === 'rows') return await target.promise()
  if (target.kind === 'object' || target.conflict === null) return null
  await using sql = await world.connectSql(target.connection, deadline.signal)
  const columns = (await target.columns(sql)).map(({ name }) => name)
  const { how } = await mergePlanOf(sql, target, columns, await probeCapabilities(sql))
  return { what: how.what, why: how.why }
}

/** The fields of a slice, where COPY's column list cannot say which goes where. */
function pickedBy(source: Source, slice: Slice): Projection | null {
  const projection = source.projection?.(slice) ?? null
  return projection === null || copyOrder(projection) !== null ? null : projection
}
