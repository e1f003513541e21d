import { quoteIdentifier, quoteTable, type TableName } from '../schema/index.ts'
import type { MergeFacts } from './merge.ts'

/** Numbers records as they are taken: of two with one key, the later is the one that stays. */
export const orderColumn = 'adbpg_sync_order'

export interface StagingRequest {
  /** Without a schema it is temporary, and goes with the transaction. */
  readonly name: TableName
  /** Columns of the records. */
  readonly columns: readonly string[]
  readonly facts: MergeFacts
  readonly hasSegments: boolean
  readonly isOrdered: boolean
  /** `check (…)` beside those of the destination. */
  readonly checks: readonly string[]
  /** Keys that no two records may share. */
  readonly uniqueKeys: readonly (readonly string[])[]
}

/**
 * Spread like its target, so that nothing moves on the way from here to there. It has what of the target's constraints
 * the records alone can break, so that COPY names the record.
 */
export function createStaging(request: StagingRequest): string {
  const { name, columns, facts, hasSegments, isOrdered } = request
  const typed = columns.map((column) => {
    const known = facts.columns.find((one) => one.name === column)
    return `${quoteIdentifier(column)} ${known?.type ?? 'text'}${known?.nullable === false ? ' not null' : ''}`
  })
  const own = facts.checks.filter((check) => check.columns.every((column) => columns.includes(column)))
  const lines = [
    ...typed,
    ...(isOrdered ? [`${orderColumn} bigserial`] : []),
    ...own.map((check) => check.definition),
    ...request.checks,
    ...request.uniqueKeys.map((key) => `unique (${list(key)})`),
  ]
  const isTemporary = name.schema === null
  const head = `create ${isTemporary ? 'temporary table' : 'table if not exists'} ${quoteTable(name)} (\n  ${lines.join(',\n  ')}\n)`
  return `${head}${isTemporary ? ' on commit drop' : ''}${hasSegments ? distribution(facts, columns) : ''}`
}

function distribution({ distributedBy }: MergeFacts, columns: readonly string[]): string {
  const isPlaced = distributedBy.length > 0 && distributedBy.every((name) => columns.includes(name))
  return isPlaced ? ` distributed by (${list(distributedBy)})` : ' distributed randomly'
}

const list = (names: readonly string[]) => names.map(quoteIdentifier).join(', ')
