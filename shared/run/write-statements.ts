import type { CopyEncoding } from '../codecs/encoding.ts'
import type { CopyTarget, ObjectTarget, Source, Statements, Target } from '../connectors/contract.ts'
import { copyOrder } from '../load/copy-order.ts'
import { copyFromStatement } from '../load/copy-statement.ts'
import type { WorkPlan } from '../plan/work.ts'
import type { Sql } from '../ports/index.ts'
import { probeCapabilities } from '../postgres/capabilities.ts'
import type { EndsContext } from './ends.ts'
import { mergePlanOf } from './put-of.ts'
import { askedForm, sentForm } from './record-form.ts'
import { isAtomic, publicationPlanOf } from './run-staging.ts'

/** How records are written when they leave their source, or when they were changed on the way. */
export const sentEncoding = ({ run }: EndsContext, source: Source, target: Target): CopyEncoding =>
  sentForm(source.offer(askedForm(target)), (run.spec.transform ?? []).length > 0)

/**
 * What a run would send to its destination, made by the functions that make it for a run. A claim and the counts of each
 * chunk go with it where the ledger lies in the same database.
 */
export async function statementsOf(
  context: EndsContext,
  source: Source,
  target: Target,
  plan: WorkPlan,
): Promise<Statements> {
  if (target.kind === 'rows') return await target.statements()
  if (target.kind === 'object') return uploadOf(target)
  const { world, deadline } = context
  await using sql = await world.connectSql(target.connection, deadline.signal)
  const columns = await columnsOf(context, sql, source, target, plan)
  return await copyStatements(sql, target, columns, sentEncoding(context, source, target))
}

const uploadOf = (target: ObjectTarget): Statements => ({
  before: [],
  chunk: [`upload oss://${target.store.bucket}/${target.keyOf('run', 0)}`],
  after: ['complete the uploads of all slices, which shows them'],
})

/** In the order of the fields of the first chunk: those of another file may have another. */
async function columnsOf(
  { run }: EndsContext,
  sql: Sql,
  source: Source,
  target: CopyTarget,
  { slices: [first] }: WorkPlan,
): Promise<readonly string[]> {
  const names = (await target.columns(sql)).map(({ name }) => name)
  const isChanged = (run.spec.transform ?? []).length > 0
  const projection = isChanged || first === undefined ? null : (source.projection?.(first) ?? null)
  const order = projection === null ? null : copyOrder(projection)
  return order === null ? names : order.map((column) => names[column] ?? '')
}

async function copyStatements(
  sql: Sql,
  target: CopyTarget,
  columns: readonly string[],
  encoding: CopyEncoding,
): Promise<Statements> {
  const { preSql, postSql, table, conflict } = target
  const capabilities = await probeCapabilities(sql)
  if (isAtomic(target)) {
    const staging = { schema: 'adbpg_sync', table: 'rows_of_run' }
    const { create, lock, remove, insert, drop } = await publicationPlanOf(sql, target, capabilities, staging)
    const published = [lock, remove, ...insert, drop].filter((statement) => statement !== null)
    const after = [...preSql, ...published, ...postSql]
    return { before: [create], chunk: [copyFromStatement(staging, columns, encoding)], after }
  }
  if (conflict === null) return { before: preSql, chunk: [copyFromStatement(table, columns, encoding)], after: postSql }
  const { create, staging, lock, merge } = await mergePlanOf(sql, target, columns, capabilities)
  const locked = lock === null ? [] : [lock]
  const chunk = [create, copyFromStatement(staging, columns, encoding), ...locked, ...merge]
  return { before: preSql, chunk, after: postSql }
}
