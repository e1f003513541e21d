import type { Decision, Source } from '../connectors/contract.ts'
import type { JobSpec } from '../job/index.ts'
import { decideWork } from './decide-work.ts'
import { type EndsContext, ledgerOf, openSource, openTarget } from './ends.ts'
import { incrementalOf, planIncrement } from './increment.ts'
import type { Deadline, World } from './world.ts'

export interface PlanPreview {
  readonly staged: boolean
  readonly pieces: number
  readonly bytes: number | null
  readonly records: number | null
  readonly decisions: readonly Decision[]
}

/** What `plan` would decide now: the same function on the same facts, and nothing is written. */
export async function previewPlan(world: World, spec: JobSpec, deadline: Deadline): Promise<PlanPreview> {
  const context: EndsContext = { world, log: world.log, deadline, run: { spec, trigger: null } }
  await using source = await openSource(context)
  await using target = await openTarget(context)
  const planned = await previewIncrement(context, source)
  const plan = await decideWork(context, source, target, null, planned?.increment ?? null)
  const decisions = planned === null ? plan.decisions : [planned.decision, ...plan.decisions]
  const sums = plan.staged ? { bytes: null, records: null } : sumOf(plan.chunks)
  return { staged: plan.staged, pieces: plan.slices.length, ...sums, decisions }
}

async function previewIncrement({ world, deadline, run: { spec } }: EndsContext, source: Source) {
  if ((await incrementalOf(world, spec)) === null) return null
  await using sql = await world.connectSql(await ledgerOf(world, spec), deadline.signal)
  return await planIncrement(world, sql, source, { spec, runId: null })
}

function sumOf(chunks: readonly { bytes: number; records: number | null }[]): { bytes: number; records: number } {
  return {
    bytes: chunks.reduce((sum, chunk) => sum + chunk.bytes, 0),
    records: chunks.reduce((sum, chunk) => sum + (chunk.records ?? 0), 0),
  }
}
