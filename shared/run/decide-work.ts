import type { Projection } from '../codecs/csv-project.ts'
import type { Slice, Source, Target } from '../connectors/contract.ts'
import { copyOrder } from '../load/copy-order.ts'
import { planWork, type WorkPlan } from '../plan/work.ts'
import type { EndsContext } from './ends.ts'

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
  return planWork({ split, columns, repeatable: reader.repeatable, target: target.kind, refusal, picked, snapshot })
}

/** The fields of a slice, where COPY's column list cannot say which goes where. */
function pickedBy(source: Source, slice: Slice): Projection | null {
  const projection = source.projection?.(slice) ?? null
  return projection === null || copyOrder(projection) !== null ? null : projection
}
