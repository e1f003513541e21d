import { TransferError } from '../../errors/index.ts'
import { quoteIdentifier, quoteLiteral } from '../../schema/index.ts'
import type { Increment } from '../contract.ts'

/** Types whose text is exact and whose order is the server's, with what a literal is cast to. A length would cut a literal. */
export const castOf: Readonly<Record<string, string>> = {
  smallint: 'bigint',
  integer: 'bigint',
  bigint: 'bigint',
  numeric: 'numeric',
  date: 'date',
  'timestamp without time zone': 'timestamp without time zone',
  'timestamp with time zone': 'timestamp with time zone',
  text: 'text',
  'character varying': 'text',
  character: 'bpchar',
}

/** Rows of an increment. The types of a kept one are looked up again, so that nothing but a known cast reaches the SQL. */
export function incrementPredicate({ column, type, low, lowIncluded, high }: Increment): string {
  const cast = castOf[type]
  if (cast === undefined) throw new TransferError('event/invalid', `no increment is read by a column of ${type}`)
  const key = quoteIdentifier(column)
  const literal = (value: string) => `cast(${quoteLiteral(value).trim()} as ${cast})`
  const lower = low === null ? [] : [`${key} ${lowIncluded ? '>=' : '>'} ${literal(low)}`]
  const upper = high === null ? [] : [`${key} <= ${literal(high)}`]
  return [...lower, ...upper].join(' and ') || `${key} is not null`
}
