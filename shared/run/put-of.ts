import type { CopyTarget } from '../connectors/contract.ts'
import { TransferError } from '../errors/index.ts'
import * as ledger from '../ledger/index.ts'
import { type MergePlan, planMerge } from '../load/merge.ts'
import { appendRecords, mergeRecords, type PutRecords } from '../load/put-records.ts'
import type { Sql } from '../ports/index.ts'
import { Capabilities } from '../postgres/capabilities.ts'
import type { OpenedChunk } from './chunk-source.ts'
import type { RunContext } from './run-context.ts'

/** How the records of a chunk get into the table; what the server can do was tried when the run was planned. */
export async function putOf(
  context: RunContext,
  sql: Sql,
  target: CopyTarget,
  opened: OpenedChunk,
): Promise<() => Promise<PutRecords>> {
  const columns = await opened.columns()
  const { encoding } = opened
  if (target.conflict === null) return async () => appendRecords(sql, target.table, columns, encoding)
  const planned = await ledger.readPlan(context.sql, context.run.runId)
  if (planned === null) throw new TransferError('internal/bug', 'a chunk is loaded before its run was planned')
  const merge = await mergePlanOf(sql, target, columns, Capabilities.parse(planned.capabilities))
  return () => mergeRecords(sql, merge, columns, encoding)
}

/** @throws job/unsupported with what to do instead */
export async function mergePlanOf(
  sql: Sql,
  target: CopyTarget,
  columns: readonly string[],
  { onConflict, segments }: Pick<Capabilities, 'onConflict' | 'segments'>,
): Promise<MergePlan> {
  if (target.conflict === null) throw new TransferError('internal/bug', 'nothing is merged into this destination')
  const facts = await target.mergeFacts(sql)
  const { table, conflict: rule } = target
  const plan = planMerge({ table, columns, rule, facts, onConflict, hasSegments: segments !== null })
  if ('refusal' in plan) throw new TransferError('job/unsupported', plan.refusal, { parameter: 'uniqueIndexColumn' })
  return plan
}
