import type { Source, Target } from '../connectors/contract.ts'
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
  const split = await source.split({ concurrent, targetBytes: world.settings.chunkBytes })
  const columns = { source: await source.columns(), target: target.kind === 'copy' ? await target.columns() : null }
  const encoding = source.offer(target.preferred)
  const refusal =
    target.kind === 'copy' ? (target.refuses(encoding) ?? refusalOfOrder(source, split.slices[0]?.slice)) : null
  return planWork({ split, columns, repeatable: reader.repeatable, target: target.kind, refusal, snapshot })
}

/** Fields that are left out, used twice or made up would have to be rewritten. */
function refusalOfOrder(
  source: Source,
  slice: Parameters<NonNullable<Source['projection']>>[0] | undefined,
): string | null {
  const projection = slice === undefined ? null : (source.projection?.(slice) ?? null)
  if (projection === null || copyOrder(projection) !== null) return null
  return 'the columns are not the fields of the file in some order'
}
