import { TransferError } from '../../errors/index.ts'
import type { MysqlSession } from '../../ports/index.ts'
import type { AskedIncrement, Increment, Low } from '../contract.ts'
import type { IncrementalOption } from '../options/incremental.ts'
import { horizonOf, incrementalRefusal, nothingLater, whyOf } from '../sql/increments.ts'
import { whereText } from '../sql/query-text.ts'
import { incrementPredicate, literalOf, writtenAs } from './increment-text.ts'
import { quoteName, quoteTableName } from './names.ts'
import type { MysqlSelected } from './select-text.ts'
import { columnOf, mysqlColumnMissing } from './table-lookup.ts'

const clocks = { number: null, text: null, date: 'day', time: 'wall', instant: 'instant' } as const

/** Asks the server for the largest value there is behind `low`, in its own order and as its own text. */
export async function askMysqlIncrement(
  sql: MysqlSession,
  selected: MysqlSelected,
  { option, zone }: { readonly option: IncrementalOption; readonly zone: string },
  { low, lowIncluded }: Low,
): Promise<AskedIncrement> {
  if (selected.from === 'query') throw incrementalRefusal('querySql')
  const found = columnOf(selected.table, option.column)
  if (found === undefined) throw mysqlColumnMissing(selected.table, option.column, 'source')
  const form = writtenAs[found.baseType]
  if (form === undefined) throw incrementalRefusal(`${found.name} of type ${found.type}`)
  const increment = { column: found.name, type: found.baseType, low, lowIncluded, high: null }
  const horizon = horizonText(found.name, form, option)
  const predicate = [incrementPredicate(increment), ...(horizon === null ? [] : [horizon])].join(' and ')
  if (low !== null) await refuseUnreadable(sql, increment)
  const from = `${quoteTableName(selected.table)}${whereText(selected.where, predicate)}`
  const [row] = await sql.query(`select max(${quoteName(found.name)}) as high\nfrom ${from}`)
  const high = row?.high == null ? null : form === 'instant' ? `${row.high}${zone}` : row.high
  return { increment: { ...increment, high }, why: high === null ? nothingLater(option) : whyOf(found, option) }
}

function horizonText(column: string, form: keyof typeof clocks, option: IncrementalOption): string | null {
  const horizon = horizonOf(option, clocks[form])
  if (horizon === null) return null
  const { seconds, timeZone } = horizon
  const key = quoteName(column)
  if (timeZone === null) return `${key} <= now(6) - interval ${seconds} second`
  const wall = `convert_tz(utc_timestamp(6), '+00:00', '${timeZone}') - interval ${seconds} second`
  return form === 'date' ? `${key} < date(${wall})` : `${key} <= ${wall}`
}

/** MySQL takes a text that is no time for NULL, with a warning, and NULL would let no row through. */
async function refuseUnreadable(sql: MysqlSession, { column, type, low }: Increment): Promise<void> {
  const [row] = await sql.query(`select ${literalOf(type, low ?? '')} as low`)
  if (row?.low != null) return
  const message = `incremental: ${JSON.stringify(low)} is no ${type}, which column ${column} is`
  throw new TransferError('job/invalid', message, { column })
}
