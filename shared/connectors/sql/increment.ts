import { TransferError } from '../../errors/index.ts'
import type { Sql } from '../../ports/index.ts'
import { quoteIdentifier, quoteLiteral, quoteTable } from '../../schema/index.ts'
import type { AskedIncrement, Increment, Low } from '../contract.ts'
import type { IncrementalOption } from '../options/incremental.ts'
import { castOf, incrementPredicate } from './increment-text.ts'
import { horizonOf, incrementalRefusal, nothingLater, refuseEndless, whyOf } from './increments.ts'
import { type Selected, whereText } from './query-text.ts'
import { pickColumns } from './table-lookup.ts'

const clockOf: Readonly<Record<string, 'instant' | 'wall' | 'day'>> = {
  date: 'day',
  'timestamp without time zone': 'wall',
  'timestamp with time zone': 'instant',
}

const baseOf = (type: string) => type.replace(/\(\d+(,-?\d+)?\)/, '')

/** Asks the server for the largest value there is behind `low`, in its own order and as its own text. */
export async function askPostgresIncrement(
  sql: Sql,
  selected: Selected,
  option: IncrementalOption,
  { low, lowIncluded }: Low,
): Promise<AskedIncrement> {
  if (selected.from === 'query') throw incrementalRefusal('querySql')
  const [found] = pickColumns(selected.table, [option.column], 'source')
  const type = baseOf(found?.type ?? '')
  if (found === undefined || castOf[type] === undefined)
    throw incrementalRefusal(`${option.column} of type ${found?.type}`)
  const increment = { column: found.name, type, low, lowIncluded, high: null }
  const horizon = horizonText(found.name, type, option)
  const predicate = [incrementPredicate(increment), ...(horizon === null ? [] : [horizon])].join(' and ')
  const key = quoteIdentifier(found.name)
  const from = `${quoteTable(selected.table)}${whereText(selected.where, predicate)}`
  if (low !== null) await refuseUnreadable(sql, increment)
  const { rows } = await sql.query<{ high: string | null }>(`select max(${key})::text as high\nfrom ${from}`)
  const high = rows[0]?.high ?? null
  if (castOf[type] !== 'text' && castOf[type] !== 'bpchar') refuseEndless(found.name, high)
  return { increment: { ...increment, high }, why: high === null ? nothingLater(option) : whyOf(found, option) }
}

function horizonText(column: string, type: string, option: IncrementalOption): string | null {
  const horizon = horizonOf(option, clockOf[type] ?? null)
  if (horizon === null) return null
  const { seconds, timeZone } = horizon
  const key = quoteIdentifier(column)
  const back = `interval '${seconds} seconds'`
  if (timeZone === null) return `${key} <= now() - ${back}`
  const wall = `(now() at time zone interval '${timeZone}') - ${back}`
  return clockOf[type] === 'day' ? `${key} < cast(${wall} as date)` : `${key} <= ${wall}`
}

/** A `from` or a mark of people that is no value of the column would fail inside of the larger query, with less to say. */
async function refuseUnreadable(sql: Sql, { column, type, low }: Increment): Promise<void> {
  try {
    await sql.query(`select cast(${quoteLiteral(low ?? '').trim()} as ${castOf[type]}) as low`)
  } catch (error) {
    const state = error instanceof TransferError ? error.context.sqlstate : undefined
    if (typeof state !== 'string' || !state.startsWith('22')) throw error
    const message = `incremental: ${JSON.stringify(low)} is no ${type}, which column ${column} is`
    throw new TransferError('job/invalid', message, { column }, { cause: error })
  }
}
