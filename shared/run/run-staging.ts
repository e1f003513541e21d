import type { CopyTarget, Publication } from '../connectors/contract.ts'
import { asTransferError, TransferError } from '../errors/index.ts'
import type { RunId } from '../job/index.ts'
import { type PublicationPlan, planPublication } from '../load/publication.ts'
import type { Sql } from '../ports/index.ts'
import type { Capabilities } from '../postgres/capabilities.ts'
import type { TableName } from '../schema/index.ts'

/** A destination whose runs become visible at their end. */
export type AtomicTarget = CopyTarget & { readonly publication: Publication }

export const isAtomic = (target: CopyTarget): target is AtomicTarget => target.publication !== null

/**
 * Where a run collects its rows, in the database they go to. Logged: after a crash of the server an unlogged table is empty,
 * while the ledger says that its chunks are done.
 */
export const stagingOf = (runId: RunId): TableName => ({ schema: 'adbpg_sync', table: `rows_of_${runId}` })

/** @throws job/unsupported with what to do instead */
export async function publicationPlanOf(
  sql: Sql,
  { conflict: rule, publication, ...target }: AtomicTarget,
  { onConflict, segments }: Pick<Capabilities, 'onConflict' | 'segments'>,
  staging: TableName,
): Promise<PublicationPlan> {
  const columns = (await target.columns(sql)).map(({ name }) => name)
  const facts = await publication.facts(sql)
  const { overwrite } = publication
  const request = { columns, rule, overwrite, facts, onConflict, hasSegments: segments !== null, staging }
  const plan = planPublication(request)
  if ('refusal' in plan) throw new TransferError('job/unsupported', plan.refusal, { parameter: 'column' })
  return plan
}

/** What `plan` says of it. The table that would collect the rows is tried, as a condition of the author becomes its check. */
export async function tryPublication(sql: Sql, target: AtomicTarget, capabilities: Capabilities) {
  const trial = await publicationPlanOf(sql, target, capabilities, { schema: null, table: 'adbpg_sync_trial' })
  try {
    await sql.transaction(async () => void (await sql.query(trial.create)))
  } catch (thrown) {
    throw asRefusal(thrown, target.publication)
  }
  const { how } = await publicationPlanOf(sql, target, capabilities, { schema: 'adbpg_sync', table: 'rows_of_run' })
  return how
}

/** Syntax errors and names that are not there (class 42), subqueries (0A000), a text that is no value of its column (22). */
function asRefusal(thrown: unknown, { overwrite }: Publication): unknown {
  const error = asTransferError(thrown)
  if (
    overwrite?.of !== 'rows' ||
    !/^(42|0A|22)/.test(String(error.context.sqlstate)) ||
    error.context.sqlstate === '42501'
  )
    return thrown
  const message = `records cannot be checked against the condition of overwrite, which must speak of columns that are loaded, without subqueries: ${error.message}`
  return new TransferError('job/unsupported', message, { ...error.context, parameter: 'overwrite' }, { cause: thrown })
}
