import type { CopyEncoding } from '../codecs/encoding.ts'
import type { CopyTarget } from '../connectors/contract.ts'
import { TransferError } from '../errors/index.ts'
import * as ledger from '../ledger/index.ts'
import { type MergePlan, planMerge } from '../load/merge.ts'
import { appendRecords, mergeRecords, type PutRecords } from '../load/put-records.ts'
import type { Sql } from '../ports/index.ts'
import { Capabilities } from '../postgres/capabilities.ts'
import type { RunContext } from './run-context.ts'
import { isAtomic, stagingOf } from './run-staging.ts'

/** How records lie, and which columns of the destination their fields are. */
export interface PutShape {
  readonly encoding: CopyEncoding
  readonly columns: readonly string[]
}

/** How records of a run get into the table, or into the one that collects them until its end. */
export async function putOf(
  context: RunContext,
  sql: Sql,
  target: CopyTarget,
  shape: PutShape,
): Promise<() => Promise<PutRecords>> {
  if (!isAtomic(target)) return await putInto(context, sql, target, shape)
  return async () => appendRecords(sql, stagingOf(context.run.runId), shape.columns, shape.encoding)
}

/** How records get into the table; what the server can do was tried when the run was planned. */
export async function putInto(
  context: RunContext,
  sql: Sql,
  target: CopyTarget,
  { encoding, columns }: PutShape,
): Promise<() => Promise<PutRecords>> {
  if (target.conflict === null) return async () => appendRecords(sql, target.table, columns, encoding)
  const planned = await ledger.readPlan(context.sql, context.run.runId)
  if (planned === null) throw new TransferError('internal/bug', 'records are loaded before their run was planned')
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
