import type { Projection } from '../codecs/csv-project.ts'
import type { CopyTarget, Decision, Slice, Source, Target } from '../connectors/contract.ts'
import { copyOrder } from '../load/copy-order.ts'
import { planWork, type WorkPlan } from '../plan/work.ts'
import { probeCapabilities } from '../postgres/capabilities.ts'
import type { EndsContext } from './ends.ts'
import { mergePlanOf } from './put-of.ts'

/** Gathers the facts and lets the planner decide. */
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
  const columns = { source: await source.columns(), target: target.kind === 'copy' ? await target.columns() : null }
  const refusal = target.kind === 'copy' ? target.refuses(source.offer(target.preferred)) : null
  const picked =
    split.slices.map(({ slice }) => pickedBy(source, slice)).find((projection) => projection !== null) ?? null
  const conflict = target.kind === 'copy' ? await conflictDecision(context, target) : null
  const facts = { split, columns, repeatable: reader.repeatable, target: target.kind, refusal, picked, snapshot }
  return planWork({ ...facts, conflict })
}

/** Tried and planned as each chunk will be, so that a merge that cannot be done fails the plan. @throws job/unsupported */
async function conflictDecision({ world, deadline }: EndsContext, target: CopyTarget): Promise<Decision | null> {
  if (target.conflict === null) return null
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
