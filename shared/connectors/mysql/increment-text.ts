import { TransferError } from '../../errors/index.ts'
import type { Increment } from '../contract.ts'
import { quoteName } from './names.ts'

/** How a value of a type is written: types that are left out have no exact text or no order of their own. */
export const writtenAs: Readonly<Record<string, 'number' | 'date' | 'time' | 'instant' | 'text'>> = {
  tinyint: 'number',
  smallint: 'number',
  mediumint: 'number',
  int: 'number',
  bigint: 'number',
  decimal: 'number',
  date: 'date',
  datetime: 'time',
  timestamp: 'instant',
  char: 'text',
  varchar: 'text',
  tinytext: 'text',
  text: 'text',
  mediumtext: 'text',
  longtext: 'text',
}

const hexText = (value: string) => `_utf8mb4 x'${Buffer.from(value, 'utf8').toString('hex')}'`

/**
 * A value as the server compares it exactly: digits as they are, as MySQL reads them as integers or decimals of any size,
 * times cast to six digits. A mark of TIMESTAMP ends in its offset, as the zone of the datasource may be changed between runs.
 */
export function literalOf(type: string, value: string): string {
  const form = writtenAs[type]
  if (form === 'text') return hexText(value)
  if (form === 'number' && /^-?\d{1,65}(\.\d{1,38})?$/.test(value)) return value
  if (form === 'date') return `cast(${hexText(value)} as date)`
  if (form === 'time') return `cast(${hexText(value)} as datetime(6))`
  if (form === 'instant') return instantText(value)
  throw new TransferError('job/invalid', `incremental: ${JSON.stringify(value)} is no ${type}`)
}

function instantText(value: string): string {
  const [, wall = value, offset] = /^(.*\d)([+-]\d\d:\d\d)$/.exec(value) ?? []
  const time = `cast(${hexText(wall)} as datetime(6))`
  return offset === undefined ? time : `convert_tz(${time}, '${offset}', @@session.time_zone)`
}

/** Rows of an increment. */
export function incrementPredicate({ column, type, low, lowIncluded, high }: Increment): string {
  const key = quoteName(column)
  const lower = low === null ? [] : [`${key} ${lowIncluded ? '>=' : '>'} ${literalOf(type, low)}`]
  const upper = high === null ? [] : [`${key} <= ${literalOf(type, high)}`]
  return [...lower, ...upper].join(' and ') || `${key} is not null`
}
